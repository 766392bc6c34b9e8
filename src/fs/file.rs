//! An open file.

use std::fs::{self, Metadata, Permissions};
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::process::Stdio;

use super::elsewhere;

/// An open file, as [`std::fs::File`], whose calls do not block the worker.
///
/// Each read and write goes to the pool and back, some microseconds; so put a [`BufReader`](std::io::BufReader) or a
/// [`BufWriter`](std::io::BufWriter) around it for many small ones.
///
/// # Examples
/// ```
/// use corro::fs::File;
/// use std::io::{BufRead, BufReader};
///
/// let lines = corro::run(|| {
///     let file = BufReader::new(File::open("Cargo.toml")?);
///     std::io::Result::Ok(file.lines().count())
/// })?;
/// assert!(lines > 10);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct File(fs::File);

impl File {
    /// Opens a file to read.
    ///
    /// # Errors
    /// As [`std::fs::File::open`].
    pub fn open(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().read(true).open(path)
    }

    /// Opens a file to write, empty; makes it if there is none.
    ///
    /// # Errors
    /// As [`std::fs::File::create`].
    pub fn create(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().write(true).create(true).truncate(true).open(path)
    }

    /// Makes a file to read and write; there must be none.
    ///
    /// # Errors
    /// As [`std::fs::File::create_new`].
    pub fn create_new(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(path)
    }

    /// How a file is opened otherwise.
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Has all that was written be on the disk when it returns.
    ///
    /// # Errors
    /// As [`std::fs::File::sync_all`].
    pub fn sync_all(&self) -> io::Result<()> {
        elsewhere(|| self.0.sync_all())
    }

    /// The same without what is not needed to read it again.
    ///
    /// # Errors
    /// As [`std::fs::File::sync_data`].
    pub fn sync_data(&self) -> io::Result<()> {
        elsewhere(|| self.0.sync_data())
    }

    /// Cuts the file off, or fills it with zeros, to be of this length in bytes.
    ///
    /// # Errors
    /// As [`std::fs::File::set_len`].
    pub fn set_len(&self, length: u64) -> io::Result<()> {
        elsewhere(|| self.0.set_len(length))
    }

    /// What the system knows of the file.
    ///
    /// # Errors
    /// As [`std::fs::File::metadata`].
    pub fn metadata(&self) -> io::Result<Metadata> {
        elsewhere(|| self.0.metadata())
    }

    /// Changes the permissions of the file.
    ///
    /// # Errors
    /// As [`std::fs::File::set_permissions`].
    pub fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        elsewhere(|| self.0.set_permissions(permissions))
    }

    /// A second handle on the same file, with the same position.
    ///
    /// # Errors
    /// When the process or the system is out of descriptors.
    pub fn try_clone(&self) -> io::Result<File> {
        Ok(File(self.0.try_clone()?))
    }

    /// Takes a file of the standard library over.
    pub fn from_std(file: fs::File) -> File {
        File(file)
    }

    /// Gives the file to the standard library.
    pub fn into_std(self) -> fs::File {
        self.0
    }
}

impl Read for &File {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        elsewhere(|| (&self.0).read(buf))
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        elsewhere(|| (&self.0).read_vectored(bufs))
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        elsewhere(|| (&self.0).read_to_end(buf))
    }

    fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        elsewhere(|| (&self.0).read_to_string(buf))
    }
}

impl Write for &File {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        elsewhere(|| (&self.0).write(buf))
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        elsewhere(|| (&self.0).write_vectored(bufs))
    }

    fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        elsewhere(|| (&self.0).write_all(buf))
    }

    /// Does nothing: there is no buffer.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for &File {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        elsewhere(|| (&self.0).seek(position))
    }
}

impl Read for File {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(bufs)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        (&*self).read_to_end(buf)
    }

    fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        (&*self).read_to_string(buf)
    }
}

impl Write for File {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(bufs)
    }

    fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        (&*self).write_all(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for File {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        (&*self).seek(position)
    }
}

impl FileExt for File {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        elsewhere(|| self.0.read_at(buf, offset))
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        elsewhere(|| self.0.write_at(buf, offset))
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl IntoRawFd for File {
    fn into_raw_fd(self) -> RawFd {
        self.0.into_raw_fd()
    }
}

impl From<File> for OwnedFd {
    fn from(file: File) -> OwnedFd {
        file.0.into()
    }
}

impl From<OwnedFd> for File {
    fn from(fd: OwnedFd) -> File {
        File::from_std(fd.into())
    }
}

/// For a child, which reads or writes it as its own.
impl From<File> for Stdio {
    fn from(file: File) -> Stdio {
        file.0.into()
    }
}

impl From<fs::File> for File {
    fn from(file: fs::File) -> File {
        File::from_std(file)
    }
}

/// How a file is opened, as [`std::fs::OpenOptions`].
///
/// # Examples
/// ```
/// use corro::fs::OpenOptions;
/// use std::io::Write;
///
/// corro::run(|| {
///     let mut nothing = OpenOptions::new().append(true).open("/dev/null")?;
///     nothing.write_all(b"a line\n")
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions(fs::OpenOptions);

impl OpenOptions {
    /// Nothing is allowed yet.
    #[allow(clippy::new_without_default, reason = "as in std")]
    pub fn new() -> OpenOptions {
        OpenOptions(fs::OpenOptions::new())
    }

    /// Opens the file at this path.
    ///
    /// # Errors
    /// As [`std::fs::OpenOptions::open`].
    pub fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let path = path.as_ref();
        elsewhere(|| self.0.open(path)).map(File)
    }
}

macro_rules! options {
    ($($(#[$doc:meta])* $name:ident;)+) => {
        impl OpenOptions {
            $(
                $(#[$doc])*
                pub fn $name(&mut self, value: bool) -> &mut OpenOptions {
                    self.0.$name(value);
                    self
                }
            )+
        }
    };
}

options! {
    /// To read.
    read;
    /// To write.
    write;
    /// To write at the end, wherever that is by then.
    append;
    /// Cut off to nothing.
    truncate;
    /// Made, if there is none.
    create;
    /// Made; there must be none.
    create_new;
}

impl OpenOptionsExt for OpenOptions {
    fn mode(&mut self, mode: u32) -> &mut OpenOptions {
        self.0.mode(mode);
        self
    }

    fn custom_flags(&mut self, flags: i32) -> &mut OpenOptions {
        self.0.custom_flags(flags);
        self
    }
}
