//! A connection to a daemon: who may be at its other end, and how much comes
//! through.

use std::io;
use std::path::Path;

use tokio::io::{AsyncReadExt as _, Join, Take};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// The most that is read of one connection, in bytes. What runtimes say of one
/// container is some ten kilobytes.
pub const LIMIT: u64 = 1 << 20;

/// Ends after [`LIMIT`] bytes, as if the daemon had gone.
pub type Line = Join<Take<OwnedReadHalf>, OwnedWriteHalf>;

/// Connects, and asks the kernel who listens there: root, or the user whose
/// containers are asked about.
///
/// # Errors
/// As connect(2), which does not wait where the daemon has fallen behind; and
/// when the daemon is another user's.
pub async fn connect(path: &Path, owner: u32) -> io::Result<Line> {
    let stream = UnixStream::connect(path).await?;
    let uid = stream.peer_cred()?.uid();
    if uid != 0 && uid != owner {
        let text = format!("user {uid} listens on {}", path.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    let (read, write) = stream.into_split();
    Ok(tokio::io::join(read.take(LIMIT), write))
}
