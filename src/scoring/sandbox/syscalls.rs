//! The kernel's mount calls, and a few others, that `nix` does not wrap.
//!
//! Each function is one system call with its arguments in Rust's types; nothing is decided here.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::libc;

/// The path as the kernel takes it.
pub fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "a path must not contain a zero byte",
        )
    })
}

fn checked(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn descriptor(result: libc::c_long) -> io::Result<OwnedFd> {
    let number = RawFd::try_from(checked(result)?)
        .map_err(|_| io::Error::other("the kernel returned an odd file descriptor"))?;
    // SAFETY: the call has just opened it, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// `open_tree(2)`: a detached copy of what is mounted at a path (an absolute one, or one below a
/// directory), with all below it if `recursive`.
pub fn clone_mount(
    directory: Option<BorrowedFd<'_>>,
    path: &Path,
    recursive: bool,
) -> io::Result<OwnedFd> {
    let path = c_path(path)?;
    let directory = directory.map_or(libc::AT_FDCWD, |directory| directory.as_raw_fd());
    let below = if recursive { libc::AT_RECURSIVE } else { 0 };
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | below as u32;
    // SAFETY: `path` is a C string that outlives the call.
    descriptor(unsafe { libc::syscall(libc::SYS_open_tree, directory, path.as_ptr(), flags) })
}

/// `fsopen(2)`, `fsconfig(2)` and `fsmount(2)`: a new, detached file system with the given options.
/// `attributes` are `MOUNT_ATTR_*`.
pub fn new_filesystem(
    kind: &CStr,
    options: &[(&CStr, String)],
    attributes: u64,
) -> io::Result<OwnedFd> {
    // SAFETY: `kind` is a C string that outlives the call.
    let context = descriptor(unsafe {
        libc::syscall(libc::SYS_fsopen, kind.as_ptr(), libc::FSOPEN_CLOEXEC)
    })?;
    for (key, value) in options {
        let value = CString::new(value.as_str()).map_err(io::Error::other)?;
        // SAFETY: `key` and `value` are C strings that outlive the call.
        checked(unsafe {
            libc::syscall(
                libc::SYS_fsconfig,
                context.as_raw_fd(),
                libc::FSCONFIG_SET_STRING,
                key.as_ptr(),
                value.as_ptr(),
                0,
            )
        })?;
    }
    // SAFETY: this command takes no pointers.
    checked(unsafe {
        libc::syscall(
            libc::SYS_fsconfig,
            context.as_raw_fd(),
            libc::FSCONFIG_CMD_CREATE,
            std::ptr::null::<libc::c_char>(),
            std::ptr::null::<libc::c_char>(),
            0,
        )
    })?;
    // SAFETY: the call takes numbers only.
    descriptor(unsafe {
        libc::syscall(
            libc::SYS_fsmount,
            context.as_raw_fd(),
            libc::FSMOUNT_CLOEXEC,
            attributes,
        )
    })
}

/// `move_mount(2)`: attaches a detached mount at a path below a directory.
pub fn attach(mount: impl AsFd, directory: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let path = c_path(path)?;
    // SAFETY: both paths are C strings that outlive the call.
    checked(unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            directory.as_raw_fd(),
            path.as_ptr(),
            libc::MOVE_MOUNT_F_EMPTY_PATH,
        )
    })?;
    Ok(())
}

/// `mount_setattr(2)`: adds `MOUNT_ATTR_*` to the mount at a path, and to all below it if `recursive`.
pub fn restrict_mount(
    directory: BorrowedFd<'_>,
    path: &Path,
    attributes: u64,
    recursive: bool,
) -> io::Result<()> {
    let path = c_path(path)?;
    let below = if recursive { libc::AT_RECURSIVE } else { 0 };
    let change = libc::mount_attr {
        attr_set: attributes,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    // SAFETY: `path` and `change` outlive the call, which is told the size of the latter.
    checked(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            directory.as_raw_fd(),
            path.as_ptr(),
            libc::AT_EMPTY_PATH | below,
            &raw const change,
            size_of::<libc::mount_attr>(),
        )
    })?;
    Ok(())
}

/// `close_range(2)`: closes every descriptor but the first three and one.
pub fn close_all_but(kept: BorrowedFd<'_>) -> io::Result<()> {
    let kept = kept.as_raw_fd().cast_unsigned();
    for (first, last) in [(3, kept.saturating_sub(1)), (kept + 1, libc::c_uint::MAX)] {
        if first <= last {
            // SAFETY: the call takes numbers only; the caller owns no other descriptor.
            checked(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) })?;
        }
    }
    Ok(())
}

/// `_exit(2)`: ends at once. A fork has nothing of its own to flush or to take apart.
pub fn end() -> ! {
    // SAFETY: the call takes a number only.
    unsafe { libc::_exit(0) }
}

/// `pidfd_open(2)`: a descriptor that becomes readable when the process ends.
pub fn watch_process(process: libc::pid_t) -> io::Result<OwnedFd> {
    // SAFETY: the call takes numbers only.
    descriptor(unsafe { libc::syscall(libc::SYS_pidfd_open, process, 0) })
}

/// `pidfd_send_signal(2)`: kills the process, if it still runs.
pub fn kill_process(process: impl AsFd) {
    let process = process.as_fd().as_raw_fd();
    let no_more = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: without more about the signal the call takes numbers only.
    unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            process,
            libc::SIGKILL,
            no_more,
            0,
        )
    };
}

/// Opens a file below a directory for reading, through no link whatsoever and without waiting for a
/// writer where it is a pipe.
pub fn open_without_links(directory: BorrowedFd<'_>, path: &Path) -> io::Result<OwnedFd> {
    let path = c_path(path)?;
    // SAFETY: `open_how` is made of integers, and all zeros are its defaults.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    how.flags = (libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC) as u64;
    how.resolve = libc::RESOLVE_BENEATH
        | libc::RESOLVE_NO_SYMLINKS
        | libc::RESOLVE_NO_MAGICLINKS
        | libc::RESOLVE_NO_XDEV;
    // SAFETY: `path` and `how` outlive the call, which is told the size of the latter.
    descriptor(unsafe {
        libc::syscall(
            libc::SYS_openat2,
            directory.as_raw_fd(),
            path.as_ptr(),
            &raw const how,
            size_of::<libc::open_how>(),
        )
    })
}
