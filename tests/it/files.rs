//! Files: rules I1 and I4, and of T2, T7, T8 what concerns them.

use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirEntryExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::time::Duration;

use corro::fs::{self, File, OpenOptions};
use corro::{spawn, spawn_local, timeout, yield_now};

use crate::generator::while_unwinding;
use crate::schedulers::everywhere;
use crate::support::{is_a_cancellation_point, is_would_suspend};

/// A folder that is removed with this.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("corro-files-{}-{}", std::process::id(), COUNT.fetch_add(1, SeqCst));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("the temporary folder can be written to");
        Folder(path)
    }

    /// With more files than are read at once.
    fn of_many() -> Folder {
        let folder = Folder::new();
        for number in 0..300 {
            std::fs::write(folder.path(&number.to_string()), "text").expect("it can be written to");
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).expect("it is there");
    }
}

#[test]
fn i1_functions_do_what_those_of_std_do() {
    everywhere(|| {
        let folder = Folder::new();
        let (one, two) = (folder.path("one"), folder.path("two"));
        fs::write(&one, "text").unwrap();
        assert_eq!((fs::read(&one).unwrap(), fs::read_to_string(&one).unwrap()), (b"text".to_vec(), "text".to_owned()));
        assert_eq!(fs::copy(&one, &two).unwrap(), 4);
        assert_eq!(fs::metadata(&two).unwrap().len(), 4);
        fs::rename(&two, folder.path("three")).unwrap();
        assert!(!fs::exists(&two).unwrap() && fs::exists(folder.path("three")).unwrap());
        fs::hard_link(&one, &two).unwrap();
        fs::create_dir_all(folder.path("a/b")).unwrap();
        let mut names: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort_unstable();
        assert_eq!(names, ["a", "one", "three", "two"]);
        fs::remove_dir(folder.path("a/b")).unwrap();
        fs::remove_dir_all(folder.path("a")).unwrap();
        fs::remove_file(&one).unwrap();
        assert_eq!(fs::read(&one).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(fs::canonicalize(&folder.0).unwrap(), std::fs::canonicalize(&folder.0).unwrap());
        let mut permissions = fs::symlink_metadata(&two).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&two, permissions).unwrap();
        assert!(fs::metadata(&two).unwrap().permissions().readonly());
    });
}

#[test]
fn i1_a_file_reads_writes_and_seeks() {
    everywhere(|| {
        let folder = Folder::new();
        let path = folder.path("file");
        let mut file = File::create_new(&path).unwrap();
        assert_eq!(File::create_new(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
        file.write_all(b"one\ntwo\n").unwrap();
        file.seek(SeekFrom::Start(4)).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "two\n");
        file.set_len(4).unwrap();
        file.sync_all().unwrap();
        file.sync_data().unwrap();
        assert_eq!(file.metadata().unwrap().len(), 4);
        let mut end = OpenOptions::new().append(true).open(&path).unwrap();
        writeln!(end, "three").unwrap();
        let lines: Vec<_> = BufReader::new(File::open(&path).unwrap()).lines().map(Result::unwrap).collect();
        assert_eq!(lines, ["one", "three"]);
        let std = file.try_clone().unwrap().into_std();
        assert_eq!(File::from_std(std).metadata().unwrap().len(), 10);
    });
}

#[test]
fn i1_a_folder_of_many_is_listed() {
    everywhere(|| {
        let folder = Folder::of_many();
        std::fs::create_dir(folder.path("folder")).unwrap();
        let (mut files, mut folders) = (0, 0);
        for entry in fs::read_dir(&folder.0).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.path(), folder.0.join(entry.file_name()));
            assert_eq!(entry.ino(), std::fs::metadata(entry.path()).unwrap().ino());
            assert_eq!(entry.metadata().unwrap().file_type(), entry.file_type().unwrap());
            if entry.file_type().unwrap().is_dir() { folders += 1 } else { files += 1 }
        }
        assert_eq!((files, folders), (300, 1));
        assert_eq!(fs::read_dir(folder.path("none")).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(fs::read_dir(folder.path("0")).unwrap_err().kind(), ErrorKind::NotADirectory);
    });
}

#[test]
fn t2_a_list_that_is_cut_off_loses_no_entry() {
    everywhere(|| {
        let folder = Folder::of_many();
        let (mut entries, mut listed, mut cut_off) = (fs::read_dir(&folder.0).unwrap(), 0, 0);
        loop {
            match timeout(Duration::ZERO, || entries.next()) {
                Ok(Some(entry)) => listed += entry.map(|_| 1).unwrap(),
                Ok(None) => break,
                Err(_elapsed) => {
                    cut_off += 1;
                    listed += entries.next().map_or(0, |entry| entry.map(|_| 1).unwrap());
                }
            }
        }
        assert!(listed == 300 && cut_off > 0, "{listed} were listed, {cut_off} times it was cut off");
    });
}

#[test]
fn t7_a_list_of_few_is_whole_while_unwinding() {
    everywhere(|| {
        let folder = Folder::new();
        std::fs::write(folder.path("one"), "text").unwrap();
        let entries = fs::read_dir(&folder.0).unwrap();
        while_unwinding(|| assert_eq!(entries.map(Result::unwrap).count(), 1));
    });
}

#[test]
fn t7_a_list_of_many_ends_while_unwinding() {
    everywhere(|| {
        let folder = Folder::of_many();
        let entries = fs::read_dir(&folder.0).unwrap();
        while_unwinding(|| {
            let mut entries: Vec<_> = entries.collect();
            let error = entries.pop().unwrap().unwrap_err();
            assert!(is_would_suspend(&error), "{error}");
            assert!(entries.len() < 300 && entries.iter().all(Result::is_ok));
        });
    });
}

#[test]
fn i1_a_file_has_positions_and_a_mode_and_may_be_that_of_a_child() {
    everywhere(|| {
        let folder = Folder::new();
        let path = folder.path("file");
        let file = OpenOptions::new().read(true).write(true).create(true).mode(0o600).open(&path).unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        file.write_all_at(b"-one-two", 0).unwrap();
        let mut two = [0; 3];
        file.read_exact_at(&mut two, 5).unwrap();
        assert_eq!(&two, b"two");
        let printed = corro::process::Command::new("echo").arg("three").stdout(file.try_clone().unwrap()).status();
        assert!(printed.unwrap().success());
        assert_eq!(fs::read(&path).unwrap(), b"three\nwo");
        let file = File::from(OwnedFd::from(file));
        assert_eq!(file.metadata().unwrap().len(), 8);
    });
}

#[test]
fn i1_a_long_file_is_streamed() {
    everywhere(|| {
        let folder = Folder::new();
        let path = folder.path("long");
        fs::write(&path, vec![7; 3_000_000]).unwrap();
        let (mut file, mut chunk, mut sum) = (File::open(&path).unwrap(), [0; 65536], 0);
        loop {
            match file.read(&mut chunk).unwrap() {
                0 => break,
                count => sum += chunk[..count].iter().map(|&byte| usize::from(byte)).sum::<usize>(),
            }
        }
        assert_eq!(sum, 21_000_000);
    });
}

#[test]
fn i1_a_full_disk_is_an_error_and_loses_nothing() {
    everywhere(|| {
        assert_eq!(fs::write("/dev/full", "text").unwrap_err().kind(), ErrorKind::StorageFull);
        let mut file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert_eq!(file.write(b"text").unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(file.write_all(b"text").unwrap_err().kind(), ErrorKind::StorageFull);
    });
}

/// Opening one end of a fifo blocks until somebody opens the other.
#[test]
fn i4_a_file_that_blocks_does_not_block_the_worker() {
    everywhere(|| {
        let folder = Folder::new();
        let path = folder.path("fifo");
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let reading = path.clone();
        let reader = spawn_local(move || fs::read_to_string(reading));
        (0..20).for_each(|_| yield_now());
        assert!(!reader.is_finished());
        fs::write(&path, "through").unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), "through");
    });
}

#[test]
fn t2_file_calls_are_cancellation_points() {
    everywhere(|| {
        let folder = Folder::new();
        let path = folder.path("never");
        is_a_cancellation_point("fs::write", || fs::write(&path, "text"));
        assert!(!path.exists());
        let mut file = File::open("/dev/zero").unwrap();
        is_a_cancellation_point("File::read", || file.read(&mut [0; 4]));
    });
}

#[test]
fn t7_while_unwinding_file_calls_are_refused() {
    everywhere(|| {
        spawn(|| {
            while_unwinding(|| {
                let error = fs::read("/dev/null").unwrap_err();
                assert!(is_would_suspend(&error), "{error}");
            });
        })
        .join()
        .unwrap();
    });
}

#[test]
fn t8_files_on_a_plain_thread() {
    let folder = Folder::new();
    fs::write(folder.path("file"), "text").unwrap();
    assert_eq!(fs::read_to_string(folder.path("file")).unwrap(), "text");
}
