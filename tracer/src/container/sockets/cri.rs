//! Kubernetes' Container Runtime Interface v1: containerd with its CRI plugin,
//! and CRI-O.
//!
//! The messages are those of `k8s.io/cri-api`, `pkg/apis/runtime/v1/api.proto`,
//! with the few fields that are read; protobuf skips the others.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::task::{self, Poll};

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, Uri};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::task::JoinSet;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::{Code, Status};
use tonic_prost::ProstCodec;
use tower_service::Service;

use super::{Socket, line, text};
use crate::container::{Identity, Kind};

/// `ListContainersRequest`, and with the same numbers `ListPodSandboxRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct List {
    #[prost(message, optional, tag = "1")]
    pub(super) filter: Option<Filter>,
}

/// `ContainerFilter`, `PodSandboxFilter`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Filter {
    #[prost(string, tag = "1")]
    pub(super) id: String,
}

/// `ListContainersResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Containers {
    #[prost(message, repeated, tag = "1")]
    pub(super) containers: Vec<Container>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Container {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(string, tag = "2")]
    pub(super) pod_sandbox_id: String,
    #[prost(message, optional, tag = "3")]
    pub(super) metadata: Option<ContainerMetadata>,
    #[prost(message, optional, tag = "4")]
    pub(super) image: Option<ImageSpec>,
    #[prost(map = "string, string", tag = "8")]
    pub(super) labels: HashMap<String, String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ContainerMetadata {
    #[prost(string, tag = "1")]
    pub(super) name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ImageSpec {
    /// Of a kubelet's container, the image's id.
    #[prost(string, tag = "1")]
    pub(super) image: String,
    /// What the pod's author wrote.
    #[prost(string, tag = "18")]
    pub(super) user_specified_image: String,
}

/// `ListPodSandboxResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Sandboxes {
    #[prost(message, repeated, tag = "1")]
    pub(super) items: Vec<Sandbox>,
}

/// `PodSandbox`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Sandbox {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(message, optional, tag = "2")]
    pub(super) metadata: Option<SandboxMetadata>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SandboxMetadata {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) uid: String,
    #[prost(string, tag = "3")]
    pub(super) namespace: String,
}

pub(super) const CONTAINERS: &str = "/runtime.v1.RuntimeService/ListContainers";
pub(super) const SANDBOXES: &str = "/runtime.v1.RuntimeService/ListPodSandbox";

/// What the daemon says of the container, or the pod's sandbox, of that id.
///
/// # Errors
/// When there is no answer, or none that can be read.
pub async fn ask(socket: &Socket, owner: u32, id: &str) -> anyhow::Result<Option<Identity>> {
    let line = line::connect(&socket.path, owner).await?;
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(line)).await?;
    // Ends as this function does, whoever drops it.
    let mut driver = JoinSet::new();
    driver.spawn(async move { drop(connection.await) });
    let said = Said::default();
    let line = Rpc {
        sender,
        said: said.clone(),
    };
    let grpc = Grpc::with_origin(line, Uri::from_static("http://localhost"));
    let mut rpc = Client { grpc, said };

    let found: Containers = call(&mut rpc, CONTAINERS, id).await?;
    let found = found.containers.into_iter().find(|one| one.id == id);
    let sandbox = found.as_ref().map_or(id, |one| &one.pod_sandbox_id);
    let is_whole = found
        .as_ref()
        .is_some_and(|one| one.labels.contains_key(POD));
    let pod = match sandbox {
        _ if is_whole => None,
        sandbox => {
            let pods: Sandboxes = call(&mut rpc, SANDBOXES, sandbox).await?;
            pods.items.into_iter().find(|one| one.id == sandbox)
        }
    };
    Ok(understand(socket, found, pod))
}

/// What a kubelet labels a container with.
const POD: &str = "io.kubernetes.pod.name";
const NAMESPACE: &str = "io.kubernetes.pod.namespace";
const UID: &str = "io.kubernetes.pod.uid";

fn understand(
    socket: &Socket,
    container: Option<Container>,
    pod: Option<Sandbox>,
) -> Option<Identity> {
    let mut told = Identity::new(socket.runtime);
    let of_pod = pod.as_ref().and_then(|pod| pod.metadata.clone());
    if let Some(of_pod) = of_pod {
        told.pod = text(Some(of_pod.name));
        told.pod_namespace = text(Some(of_pod.namespace));
        told.pod_uid = text(Some(of_pod.uid));
    }
    let Some(mut container) = container else {
        told.id = Some(pod?.id);
        told.kind = Kind::Sandbox;
        return Some(told);
    };
    told.id = Some(container.id);
    told.name = text(container.metadata.map(|metadata| metadata.name));
    let image = container.image.unwrap_or_default();
    told.image = text(Some(image.user_specified_image)).or_else(|| text(Some(image.image)));
    let mut label = |key| text(container.labels.remove(key));
    told.pod = label(POD).or(told.pod);
    told.pod_namespace = label(NAMESPACE).or(told.pod_namespace);
    told.pod_uid = label(UID).or(told.pod_uid);
    Some(told)
}

/// A daemon, and what it said last.
struct Client {
    grpc: Grpc<Rpc>,
    said: Said,
}

/// One request for what has this id; an empty answer where there is none such.
async fn call<T>(rpc: &mut Client, method: &'static str, id: &str) -> anyhow::Result<T>
where
    T: prost::Message + Default + 'static,
{
    rpc.grpc.ready().await?;
    rpc.said.forget();
    let request = tonic::Request::new(List {
        filter: Some(Filter { id: id.to_owned() }),
    });
    let path = PathAndQuery::from_static(method);
    let answer: Result<tonic::Response<T>, Status> =
        rpc.grpc.unary(request, path, ProstCodec::default()).await;
    match answer {
        Ok(answer) => Ok(answer.into_inner()),
        Err(status) if is_answer(&status, &rpc.said) => Ok(T::default()),
        Err(status) => Err(status.into()),
    }
}

/// Whether the daemon itself said so, about what it was asked: that is no reason to
/// leave it alone with other questions. tonic has the same codes for an answer that
/// cannot be decoded, and for what speaks HTTP but not gRPC.
fn is_answer(status: &Status, said: &Said) -> bool {
    let is_its = said.last() == Some(status.code());
    let is_about_it = matches!(
        status.code(),
        Code::NotFound
            | Code::InvalidArgument
            | Code::FailedPrecondition
            | Code::Internal
            | Code::Unknown
    );
    is_its && is_about_it
}

/// The status that came from the other end.
#[derive(Clone)]
struct Said(Arc<AtomicI32>);

impl Default for Said {
    fn default() -> Self {
        Self(Arc::new(AtomicI32::new(Self::NOTHING)))
    }
}

impl Said {
    /// No code is negative.
    const NOTHING: i32 = -1;

    fn forget(&self) {
        self.0.store(Self::NOTHING, Ordering::Relaxed);
    }

    /// It comes behind the messages, or instead of them in the head.
    fn hear(&self, headers: &HeaderMap) {
        let status = headers.get("grpc-status");
        let code = status.and_then(|status| status.to_str().ok()?.parse().ok());
        if let Some(code) = code {
            self.0.store(code, Ordering::Relaxed);
        }
    }

    fn last(&self) -> Option<Code> {
        let code = self.0.load(Ordering::Relaxed);
        (code >= 0).then(|| Code::from_i32(code))
    }
}

/// HTTP/2, as tonic wants it, listened to.
struct Rpc {
    sender: SendRequest<Body>,
    said: Said,
}

impl Service<Request<Body>> for Rpc {
    type Response = Response<Heard>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Heard>, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut task::Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.sender.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (answer, said) = (self.sender.send_request(request), self.said.clone());
        Box::pin(async move {
            let answer = answer.await?;
            said.hear(answer.headers());
            Ok(answer.map(|body| Heard { body, said }))
        })
    }
}

/// An answer's body.
struct Heard {
    body: Incoming,
    said: Said,
}

impl hyper::body::Body for Heard {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(trailers) = frame.trailers_ref()
        {
            self.said.hear(trailers);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
