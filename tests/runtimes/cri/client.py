#!/usr/bin/python3
"""Pods without Kubernetes: what a kubelet asks of containerd, from a command line.

Debian has no crictl. It needs python3-grpcio and what protoc makes of cri.proto,
which `cargo xtask runtimes up` puts beside it. Pods use the host's network, and
their cgroups are where a kubelet with cgroupfs has them.

  version                              the runtime's name and version
  image IMAGE                          succeeds if the runtime has it
  run-pod NAME NAMESPACE UID [PIDNS]   PIDNS: container, pod (shareProcessNamespace)
                                       or node; prints the pod's id
  run POD NAME IMAGE [ARG...]          creates and starts; prints the container's id
  pid CONTAINER, pod-pid POD           the host's pid of its first process
  exec CONTAINER COMMAND [ARG...]      its output and exit code
  stop CONTAINER SECONDS               SIGTERM, and SIGKILL after SECONDS
  stop-pod POD, remove-pod POD         with all that is in it
  remove-all                           the pods that this program has made, and those
                                       of a kubelet with the same label
  static-pods                          those of a kubelet that run: their names
  find POD-NAME                        of one of these, the pod's id and those of its
                                       containers that run
"""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import cri_pb2 as cri
import grpc

SOCKET = "/run/containerd/containerd.sock"

# Longer than any grace period that a test gives.
TIMEOUT_SECONDS = 120

# What tells our pods from a kubelet's.
LABEL = "sigwhy-test"

# Where a pod keeps what its containers need to be made like it.
PIDNS = "sigwhy-test/pidns"
PARENT = "sigwhy-test/cgroup-parent"

# A kubelet's on all pods of its own.
SOURCE = "kubernetes.io/config.source"
READY = 0
RUNNING = 1

channel = grpc.insecure_channel(
    "unix://" + SOCKET,
    # grpc would send the socket's path as the authority, which Go refuses.
    options=[("grpc.default_authority", "localhost")],
)


def call(method, request, response=cri.Nothing, service="RuntimeService"):
    """One request, answered; ends the program with one line when it fails."""
    stub = channel.unary_unary(
        "/runtime.v1.%s/%s" % (service, method),
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=response.FromString,
    )
    try:
        return stub(request, timeout=TIMEOUT_SECONDS)
    except grpc.RpcError as error:
        sys.exit("%s: %s: %s" % (method, error.code().name, error.details()))


def namespaces(pidns):
    return cri.NamespaceOption(
        network=cri.NODE, pid=cri.NamespaceMode.Value(pidns.upper()), ipc=cri.POD
    )


def pod_config(name, namespace, uid, pidns, parent):
    logs = os.path.join(os.path.dirname(os.path.realpath(__file__)), "logs")
    security = cri.LinuxSandboxSecurityContext(namespace_options=namespaces(pidns))
    return cri.PodSandboxConfig(
        metadata=cri.PodSandboxMetadata(name=name, namespace=namespace, uid=uid),
        log_directory=os.path.join(logs, "_".join((namespace, name, uid))),
        labels={
            LABEL: "1",
            "io.kubernetes.pod.name": name,
            "io.kubernetes.pod.namespace": namespace,
            "io.kubernetes.pod.uid": uid,
        },
        annotations={PIDNS: pidns, PARENT: parent},
        linux=cri.LinuxPodSandboxConfig(cgroup_parent=parent, security_context=security),
    )


def our_pods():
    ours = cri.PodSandboxFilter(label_selector={LABEL: "1"})
    request = cri.ListPodSandboxRequest(filter=ours)
    return call("ListPodSandbox", request, cri.ListPodSandboxResponse).items


def run_pod(name, namespace, uid, pidns="container"):
    config = pod_config(name, namespace, uid, pidns, "/kubepods/besteffort/pod" + uid)
    request = cri.RunPodSandboxRequest(config=config)
    print(call("RunPodSandbox", request, cri.PodSandboxId).pod_sandbox_id)


def run(pod_id, name, image, *args):
    pod = next((pod for pod in our_pods() if pod.id == pod_id), None)
    if pod is None:
        sys.exit("no pod of ours has the id " + pod_id)
    pidns = pod.annotations[PIDNS]
    security = cri.LinuxContainerSecurityContext(namespace_options=namespaces(pidns))
    config = cri.ContainerConfig(
        metadata=cri.ContainerMetadata(name=name),
        image=cri.ImageSpec(image=image),
        args=args,
        labels={"io.kubernetes.container.name": name, **pod.labels},
        log_path=name + "/0.log",
        linux=cri.LinuxContainerConfig(security_context=security),
    )
    meta = pod.metadata
    request = cri.CreateContainerRequest(
        pod_sandbox_id=pod.id,
        config=config,
        sandbox_config=pod_config(
            meta.name, meta.namespace, meta.uid, pidns, pod.annotations[PARENT]
        ),
    )
    container = call("CreateContainer", request, cri.ContainerId)
    call("StartContainer", container)
    print(container.container_id)


def print_pid(status):
    print(json.loads(status.info["info"])["pid"])


def remove_pod(pod):
    call("StopPodSandbox", cri.PodSandboxId(pod_sandbox_id=pod))
    call("RemovePodSandbox", cri.PodSandboxId(pod_sandbox_id=pod))


def execute(container, *command):
    request = cri.ExecSyncRequest(container_id=container, cmd=command, timeout=60)
    result = call("ExecSync", request, cri.ExecSyncResponse)
    sys.stdout.buffer.write(result.stdout)
    sys.stderr.buffer.write(result.stderr)
    sys.exit(result.exit_code)


def image(name):
    request = cri.ImageStatusRequest(image=cri.ImageSpec(image=name))
    status = call("ImageStatus", request, cri.ImageStatusResponse, "ImageService")
    if not status.image.id:
        sys.exit("no image " + name)


def version():
    answer = call("Version", cri.VersionRequest(), cri.VersionResponse)
    print(answer.runtime_name, answer.runtime_version)


def remove_all():
    for pod in our_pods():
        remove_pod(pod.id)


def static_pods():
    return [pod for pod in our_pods() if SOURCE in pod.annotations and pod.state == READY]


def find(name):
    pod = next((pod for pod in static_pods() if pod.metadata.name == name), None)
    if pod is None:
        sys.exit("no pod runs that is called " + name)
    only = cri.ContainerFilter(pod_sandbox_id=pod.id)
    request = cri.ListContainersRequest(filter=only)
    all_there = call("ListContainers", request, cri.ListContainersResponse).containers
    print(pod.id, *(one.id for one in all_there if one.state == RUNNING))


COMMANDS = {
    "version": version,
    "image": image,
    "run-pod": run_pod,
    "run": run,
    "pid": lambda container: print_pid(
        call(
            "ContainerStatus",
            cri.ContainerStatusRequest(container_id=container, verbose=True),
            cri.ContainerStatusResponse,
        )
    ),
    "pod-pid": lambda pod: print_pid(
        call(
            "PodSandboxStatus",
            cri.PodSandboxStatusRequest(pod_sandbox_id=pod, verbose=True),
            cri.PodSandboxStatusResponse,
        )
    ),
    "exec": execute,
    "stop": lambda container, seconds: call(
        "StopContainer",
        cri.StopContainerRequest(container_id=container, timeout=int(seconds)),
    ),
    "stop-pod": lambda pod: call("StopPodSandbox", cri.PodSandboxId(pod_sandbox_id=pod)),
    "remove-pod": remove_pod,
    "remove-all": remove_all,
    "static-pods": lambda: print(*(pod.metadata.name for pod in static_pods())),
    "find": find,
}


def main(args):
    command = COMMANDS.get(args[0]) if args else None
    if command is None:
        sys.exit(__doc__)
    try:
        command(*args[1:])
    except TypeError as error:
        sys.exit("%s: %s" % (args[0], error))


main(sys.argv[1:])
