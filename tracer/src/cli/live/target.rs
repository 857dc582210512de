//! Where the writing thread writes: an open file, or a recording.

use std::{io, os::fd::AsFd, time::Duration};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    unistd,
};

use crate::store::Recording;

/// Takes bytes, and may hold some back for a while.
pub trait Target: Send + 'static {
    /// Writes some of them; how many.
    ///
    /// # Errors
    /// Those of writing.
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Errno>;

    /// How long what is held back may still wait for [`Target::flush`]; `None`
    /// where nothing is.
    fn due(&self) -> Option<Duration> {
        None
    }

    /// Writes out what is held back.
    ///
    /// # Errors
    /// Those of writing.
    fn flush(&mut self) -> Result<(), Errno> {
        Ok(())
    }

    /// There will be no more.
    ///
    /// # Errors
    /// Those of writing.
    fn finish(&mut self) -> Result<(), Errno> {
        Ok(())
    }
}

/// An open file.
pub struct Fd<T>(pub T);

impl<T: AsFd + Send + 'static> Target for Fd<T> {
    /// One write(2), once there is room for it.
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
        loop {
            match unistd::write(&self.0, bytes) {
                Ok(0) => return Err(Errno::EIO),
                Err(Errno::EINTR) => {}
                // Others may have made the open file non-blocking: it is shared.
                Err(Errno::EAGAIN) => {
                    let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLOUT)];
                    match poll(&mut fds, PollTimeout::NONE) {
                        Ok(_) | Err(Errno::EINTR) => {}
                        Err(errno) => return Err(errno),
                    }
                }
                result => return result,
            }
        }
    }
}

impl Target for Recording {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
        Self::write(self, bytes)
            .map(|()| bytes.len())
            .map_err(errno)
    }

    fn due(&self) -> Option<Duration> {
        Self::due(self)
    }

    fn flush(&mut self) -> Result<(), Errno> {
        Self::flush(self).map_err(errno)
    }

    fn finish(&mut self) -> Result<(), Errno> {
        Self::finish(self).map_err(errno)
    }
}

/// What is no error of a system call is one of the compression, of which none is
/// known.
fn errno(error: io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}
