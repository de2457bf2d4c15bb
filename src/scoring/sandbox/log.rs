//! What a payload prints, up to its limit.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

/// What the payload prints on one of its two pipes.
pub struct Log {
    /// Until its end was read.
    pipe: Option<File>,
    pub kept: Vec<u8>,
}

impl Log {
    pub fn new(pipe: OwnedFd) -> Self {
        let flags = FcntlArg::F_SETFL(OFlag::O_NONBLOCK);
        let pipe = fcntl(&pipe, flags).is_ok().then_some(pipe);
        Self {
            pipe: pipe.map(File::from),
            kept: Vec::new(),
        }
    }

    /// What to wait at for more.
    pub fn readable(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// Reads what there is, and keeps as much as there is room for. Whether there was more.
    pub fn read(&mut self, room: u64) -> bool {
        let mut passed = false;
        let mut buffer = [0; 16 * 1024];
        while let Some(pipe) = &mut self.pipe {
            match pipe.read(&mut buffer) {
                Ok(0) => self.pipe = None,
                Ok(length) => {
                    let left = usize::try_from(room)
                        .unwrap_or(usize::MAX)
                        .saturating_sub(self.kept.len());
                    self.kept.extend_from_slice(&buffer[..length.min(left)]);
                    passed |= length > left;
                    // One that prints without end must not keep us from looking at anything else.
                    if passed {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.pipe = None,
            }
        }
        passed
    }
}
