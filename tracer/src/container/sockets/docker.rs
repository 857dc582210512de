//! Docker, and Podman by the same API: `GET /containers/ID/json`.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use bollard::errors::Error;
use bollard::models::{ContainerConfig, ContainerInspectResponse};
use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use http::{HeaderValue, Uri, header};
use hyper::Response;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;

use super::super::runtimes::{docker, oci};
use super::{PATIENCE, Socket, line, text};
use crate::container::Identity;

/// What drives the connections; ends them as it goes.
type Drivers = Arc<Mutex<JoinSet<()>>>;

/// What the daemon says of container `id`.
///
/// # Errors
/// When there is no answer, or none that can be read.
pub async fn ask(socket: &Socket, owner: u32, id: &str) -> anyhow::Result<Option<Identity>> {
    let drivers = Drivers::default();
    let path = socket.path.clone();
    let transport = move |request| send(path.clone(), owner, drivers.clone(), request);
    let docker = Docker::connect_with_custom_transport(
        transport,
        Some("http://localhost"),
        PATIENCE.as_secs() + 1,
        API_DEFAULT_VERSION,
    )?;
    match docker.inspect_container(id, None).await {
        Ok(said) => Ok(Some(understand(socket, said))),
        // An error about this one, or there is none such: the daemon does answer.
        Err(Error::DockerResponseServerError { .. }) => Ok(None),
        Err(error) => Err(error).context("inspecting a container"),
    }
}

async fn send(
    path: std::path::PathBuf,
    owner: u32,
    drivers: Drivers,
    request: BollardRequest,
) -> Result<Response<Incoming>, Error> {
    let line = line::connect(&path, owner).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(line)).await?;
    let driver = async move { drop(connection.await) };
    drop(
        drivers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .spawn(driver),
    );
    let (mut parts, body) = request.into_parts();
    parts.uri = unversioned(&parts.uri);
    let host = HeaderValue::from_static("localhost");
    parts.headers.insert(header::HOST, host);
    let request = BollardRequest::from_parts(parts, body);
    Ok(sender.send_request(request).await?)
}

/// Without the `/v1.53` that daemons of another age refuse: each takes what has
/// none by its own version. What is asked for here has been the same in all.
fn unversioned(uri: &Uri) -> Uri {
    let path = uri.path();
    let path = match path.trim_start_matches('/').split_once('/') {
        Some((version, rest)) if version.starts_with('v') => format!("/{rest}"),
        _ => path.to_owned(),
    };
    path.parse().unwrap_or_else(|_| uri.clone())
}

fn understand(socket: &Socket, said: ContainerInspectResponse) -> Identity {
    let mut told = Identity::new(socket.runtime);
    let config: ContainerConfig = said.config.unwrap_or_default();
    told.id = said.id;
    let name = said
        .name
        .as_deref()
        .map(|name| name.trim_start_matches('/'));
    told.name = text(name.map(str::to_owned));
    told.image = text(config.image).or_else(|| text(said.image));
    let stop_signal = text(config.stop_signal);
    told.stop_signal = stop_signal.as_deref().and_then(oci::stop_signal);
    let timeout = config.stop_timeout;
    told.stop_timeout = timeout.and_then(|seconds| u32::try_from(seconds).ok());
    let arguments = said.args.unwrap_or_default();
    told.args = said.path.into_iter().chain(arguments).collect();
    let pid = said.state.and_then(|state| state.pid);
    told.init_pid = pid
        .and_then(|pid| u32::try_from(pid).ok())
        .filter(|pid| *pid != 0);
    let labels = config.labels.unwrap_or_default();
    docker::pod(&mut told, |key| text(labels.get(key).cloned()));
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_no_version() {
        let of = |text: &str| unversioned(&text.parse().expect("a URI")).to_string();
        assert_eq!(
            of("http://localhost/v1.53/containers/a/json"),
            "/containers/a/json"
        );
        assert_eq!(
            of("http://localhost/containers/a/json"),
            "/containers/a/json"
        );
        assert_eq!(of("http://localhost/_ping"), "/_ping");
    }
}
