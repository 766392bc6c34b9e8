//! The folder through which the program and the children that run the styles tell each other what they need.
//!
//! ```text
//! job                timeout in milliseconds, then a line a page     written by the parent
//! STYLE/log          the log of a style, line by line                 written by its log writer
//! STYLE/result       the figures, a line each, and the failures       written by the child at its end
//! STYLE/index        the text of its index                            likewise
//! ```

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process,
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{job::Job, page::Page};

/// A new folder, removed when this is dropped.
pub struct WorkDir(PathBuf);

impl WorkDir {
    pub fn new() -> io::Result<WorkDir> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let path = env::temp_dir().join(format!("contrast-{}-{}", process::id(), now.as_nanos()));
        fs::create_dir(&path)?;
        Ok(WorkDir(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn save_job(&self, pages: &[Arc<Page>], timeout: Duration) -> io::Result<()> {
        let lines: String = pages.iter().map(|page| page.to_line()).collect();
        fs::write(self.0.join("job"), format!("{}\n{lines}", timeout.as_millis()))
    }

    pub fn folder_of(&self, style: &str) -> io::Result<StyleDir> {
        let dir = StyleDir::new(&self.0, style);
        fs::create_dir(&dir.0)?;
        Ok(dir)
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The folder of one style.
pub struct StyleDir(PathBuf);

impl StyleDir {
    pub fn new(work: &Path, style: &str) -> StyleDir {
        StyleDir(work.join(style))
    }

    pub fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    pub fn result(&self) -> PathBuf {
        self.0.join("result")
    }

    pub fn index(&self) -> PathBuf {
        self.0.join("index")
    }
}

/// The job as the child reads it; its clock starts now.
pub fn load_job(work: &Path, style: &StyleDir) -> io::Result<Job> {
    let text = fs::read_to_string(work.join("job"))?;
    let mut lines = text.lines();
    let unreadable = || io::Error::new(io::ErrorKind::InvalidData, "the job cannot be read");
    let timeout = lines.next().and_then(|millis| millis.parse().ok()).ok_or_else(unreadable)?;
    let page = |(id, line)| Page::from_line(id, line).map(Arc::new).ok_or_else(unreadable);
    let pages = lines.enumerate().map(page).collect::<io::Result<Vec<_>>>()?;
    Ok(Job::new(pages, Duration::from_millis(timeout), &style.log()))
}
