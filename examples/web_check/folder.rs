//! A folder with files to give, and with some to keep.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Deleted with all that is in it when it is dropped.
///
/// ```text
///  secret.txt
///  public/ index.html  big.bin  "a b.txt"  .hidden  sub/index.html  empty/
///          "a b.txt" is of tomorrow
///          out.txt -> ../secret.txt    up -> ..    in.html -> index.html    show.txt -> .hidden
/// ```
pub(crate) struct Folder(PathBuf);

pub(crate) const INDEX: &str = "<p>the front page</p>";
pub(crate) const BIG: usize = 200_000;

/// A byte of the large file.
pub(crate) fn big_byte(at: usize) -> u8 {
    (at % 251) as u8
}

impl Folder {
    pub(crate) fn new() -> io::Result<Folder> {
        let root = env::temp_dir().join(format!("corro-web-{}-{:x}", std::process::id(), fastrand::u64(..)));
        let folder = Folder(root.clone());
        let public = root.join("public");
        fs::create_dir_all(public.join("sub"))?;
        fs::create_dir(public.join("empty"))?;
        fs::write(root.join("secret.txt"), "secret")?;
        fs::write(public.join("index.html"), INDEX)?;
        fs::write(public.join("big.bin"), (0..BIG).map(big_byte).collect::<Vec<_>>())?;
        fs::write(public.join("a b.txt"), "a space")?;
        let tomorrow = SystemTime::now() + Duration::from_secs(24 * 60 * 60);
        fs::File::options().write(true).open(public.join("a b.txt"))?.set_modified(tomorrow)?;
        fs::write(public.join(".hidden"), "secret")?;
        fs::write(public.join("sub/index.html"), "<p>below</p>")?;
        symlink("../secret.txt", public.join("out.txt"))?;
        symlink("..", public.join("up"))?;
        symlink("index.html", public.join("in.html"))?;
        symlink(".hidden", public.join("show.txt"))?;
        Ok(folder)
    }

    /// The path of what is to be given.
    pub(crate) fn public(&self) -> String {
        self.0.join("public").to_string_lossy().into_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be deleted stays among the temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}
