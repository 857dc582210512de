//! Daemons for tests, good and bad ones, on sockets below a [`Tree`].

use std::future::poll_fn;
use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use bytes::Bytes;
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use prost::Message as _;

use super::super::fixtures::Tree;
use super::cri;

/// What a daemon does with a connection.
#[derive(Debug, Clone)]
pub enum Manner {
    /// Reads, and never answers.
    Hung,
    /// Says this, whatever was asked.
    Says(&'static [u8]),
    /// Begins an HTTP answer of so many bytes.
    Floods(u64),
    /// Docker's API, with the answer to each path; 404 to others. An empty one is an
    /// error of the daemon's.
    Docker(Vec<(String, String)>),
    /// The CRI, with all that it has.
    Cri(Vec<cri::Container>, Vec<cri::Sandbox>),
    /// HTTP/2 that says this, whatever was asked.
    Http2(Said),
}

/// An answer.
#[derive(Debug, Clone, Copy)]
pub struct Said {
    pub status: u16,
    /// `grpc-status` in its head.
    pub head: Option<&'static str>,
    pub body: &'static [u8],
    /// The same behind its body.
    pub tail: Option<&'static str>,
}

/// A daemon. Its threads end with the process.
#[derive(Debug, Clone, Default)]
pub struct Fake {
    connections: Arc<AtomicU64>,
    /// Bytes that found room on their way to the client.
    written: Arc<AtomicU64>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    pub fn start(tree: &Tree, path: &str, manner: Manner) -> Self {
        let path = tree.root().at(path);
        std::fs::create_dir_all(path.parent().expect("below the root")).expect("a directory");
        let listener = UnixListener::bind(path).expect("a socket");
        let fake = Self::default();
        let own = fake.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whatever sigwhy runs on this machine finds a socket of that name.
                let peer = getsockopt(&stream, PeerCredentials);
                if !peer.is_ok_and(|peer| peer.pid() as u32 == std::process::id()) {
                    continue;
                }
                own.connections.fetch_add(1, Ordering::Relaxed);
                let (own, manner) = (own.clone(), manner.clone());
                thread::spawn(move || own.serve(stream, manner));
            }
        });
        fake
    }

    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// The paths that were asked for.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }

    fn serve(&self, mut stream: UnixStream, manner: Manner) {
        match manner {
            Manner::Hung => {
                let mut rest = Vec::new();
                let _ = stream.read_to_end(&mut rest);
            }
            Manner::Says(bytes) => {
                let _ = stream.write_all(bytes);
                let _ = stream.read(&mut [0; 4096]);
            }
            Manner::Floods(length) => {
                let _ = stream.read(&mut [0; 4096]);
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
                     Content-Length: {length}\r\n\r\n"
                );
                let _ = stream.write_all(head.as_bytes());
                for _ in 0..length / 4096 {
                    if stream.write_all(&[b' '; 4096]).is_err() {
                        return;
                    }
                    self.written.fetch_add(4096, Ordering::Relaxed);
                }
            }
            Manner::Docker(answers) => self.docker(stream, &answers),
            Manner::Cri(containers, sandboxes) => {
                let answer = |path: &str, id: &str| found(&containers, &sandboxes, path, id);
                let runtime = super::runtime().expect("a runtime");
                // The client hangs up as it likes.
                let _ = runtime.block_on(self.http2(stream, answer));
            }
            Manner::Http2(said) => {
                let answer = |_: &str, _: &str| (said, said.body.to_vec());
                let runtime = super::runtime().expect("a runtime");
                let _ = runtime.block_on(self.http2(stream, answer));
            }
        }
    }

    fn docker(&self, mut stream: UnixStream, answers: &[(String, String)]) {
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
            request.extend(byte);
        }
        let text = String::from_utf8_lossy(&request);
        let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
        let found = answers.iter().find(|(known, _)| *known == path);
        let (status, body) = match found {
            Some((_, body)) if body.is_empty() => (
                "500 Internal Server Error",
                r#"{"message":"a layer is gone"}"#,
            ),
            Some((_, body)) => ("200 OK", body.as_str()),
            None => ("404 Not Found", r#"{"message":"No such container"}"#),
        };
        self.asked.lock().expect("no panic").push(path);
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
    }

    async fn http2(
        &self,
        stream: UnixStream,
        answer: impl Fn(&str, &str) -> (Said, Vec<u8>),
    ) -> Result<(), h2::Error> {
        stream.set_nonblocking(true).expect("a socket");
        let stream = tokio::net::UnixStream::from_std(stream).expect("a socket");
        let mut connection = h2::server::handshake(stream).await?;
        while let Some(request) = connection.accept().await {
            let (request, respond) = request?;
            // What is read of a body comes by way of the connection.
            tokio::select! {
                done = self.one(request, respond, &answer) => done?,
                closed = poll_fn(|context| connection.poll_closed(context)) => return closed,
            }
        }
        Ok(())
    }

    async fn one(
        &self,
        request: http::Request<h2::RecvStream>,
        mut respond: h2::server::SendResponse<Bytes>,
        answer: impl Fn(&str, &str) -> (Said, Vec<u8>),
    ) -> Result<(), h2::Error> {
        let path = request.uri().path().to_owned();
        let mut body = request.into_body();
        let mut bytes = Vec::new();
        while let Some(chunk) = body.data().await {
            let chunk = chunk?;
            bytes.extend_from_slice(&chunk);
            body.flow_control().release_capacity(chunk.len())?;
        }
        // A byte of flags and four of length come before a message.
        let list = cri::List::decode(bytes.get(5..).unwrap_or_default()).expect("a List");
        let id = list.filter.unwrap_or_default().id;
        let (said, body) = answer(&path, &id);
        self.asked.lock().expect("no panic").push(path);
        let mut head = http::Response::builder()
            .status(said.status)
            .header("content-type", "application/grpc");
        if let Some(status) = said.head {
            head = head.header("grpc-status", status);
        }
        let is_all = body.is_empty() && said.tail.is_none();
        let mut send = respond.send_response(head.body(()).expect("a response"), is_all)?;
        if is_all {
            return Ok(());
        }
        send.send_data(body.into(), said.tail.is_none())?;
        if let Some(status) = said.tail {
            let mut trailers = http::HeaderMap::new();
            trailers.insert("grpc-status", http::HeaderValue::from_static(status));
            send.send_trailers(trailers)?;
        }
        Ok(())
    }
}

/// What a CRI has of an id, as its answer.
fn found(
    containers: &[cri::Container],
    sandboxes: &[cri::Sandbox],
    path: &str,
    id: &str,
) -> (Said, Vec<u8>) {
    let message = match path {
        cri::CONTAINERS => {
            let of_id = containers.iter().filter(|one| one.id == id);
            let containers = of_id.cloned().collect();
            cri::Containers { containers }.encode_to_vec()
        }
        _ => {
            let of_id = sandboxes.iter().filter(|one| one.id == id);
            let items = of_id.cloned().collect();
            cri::Sandboxes { items }.encode_to_vec()
        }
    };
    let length = u32::try_from(message.len()).expect("a short message");
    let mut framed = vec![0];
    framed.extend(length.to_be_bytes());
    framed.extend(message);
    let said = Said {
        status: 200,
        head: None,
        body: &[],
        tail: Some("0"),
    };
    (said, framed)
}
