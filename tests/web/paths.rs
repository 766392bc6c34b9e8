//! Paths within a folder.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Component, Path};

use proptest::prelude::*;

use crate::folder::Folder;
use crate::web::files::{Files, Found};
use crate::web::path::{location, relative};
use crate::web::response::{BAD_REQUEST, NOT_FOUND};

#[test]
fn paths_are_decoded() {
    let relative_path = relative("/a%20b//c%2Fd/").unwrap();
    assert_eq!((&relative_path.path, relative_path.is_folder), (&"a b/c/d".into(), true));
    assert_eq!(location(&relative_path), "/a%20b/c/d/");
    assert_eq!(location(&relative("//other.example/x").unwrap()), "/other.example/x/", "it is no other server");
    for path in ["/..", "/a/../b", "/%2e%2e/a", "/a%2f..", "/.a", "/a/.b"] {
        assert_eq!(relative(path).err(), Some(NOT_FOUND), "{path}");
    }
    for path in ["/%", "/%2", "/%g0", "/%+1", "/a%00"] {
        assert_eq!(relative(path).err(), Some(BAD_REQUEST), "{path}");
    }
}

#[test]
fn a_pipe_is_not_opened() {
    let folder = Folder::new().unwrap();
    let pipe = Path::new(&folder.public()).join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo, of coreutils, runs").success());
    let files = Files::new(&folder.public()).unwrap();
    assert_eq!(corro::run(|| files.find("/pipe")).err(), Some(NOT_FOUND));
}

#[test]
fn a_folder_that_is_a_link_is_served() {
    let folder = Folder::new().unwrap();
    let link = Path::new(&folder.public()).with_file_name("link");
    symlink("public", &link).unwrap();
    let files = Files::new(link.to_str().unwrap()).unwrap();
    assert!(matches!(corro::run(|| files.find("/index.html")), Ok(Found::File(_))));
    assert!(Files::new("/nonexistent").is_err_and(|error| error.to_string().starts_with("--dir /nonexistent: ")));
    let file = Path::new(&folder.public()).join("index.html");
    assert!(Files::new(file.to_str().unwrap()).is_err(), "a file is no folder");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_path_leads_up(path in "(/|\\.|%2e|%2F|%00|%|a|up|out\\.txt|secret\\.txt|\\\\|\u{e9}){0,12}") {
        if let Ok(relative) = relative(&path) {
            prop_assert!(relative.path.components().all(|part| matches!(part, Component::Normal(_))), "{:?}", relative);
        }
    }
}

#[test]
fn nothing_secret_is_found() {
    let folder = Folder::new().unwrap();
    let public = Path::new(&folder.public()).to_owned();
    fs::create_dir(public.join(".secrets")).unwrap();
    fs::write(public.join(".secrets/index.html"), "secret").unwrap();
    symlink(".secrets", public.join("hidden")).unwrap();
    symlink("../.hidden", public.join("empty/index.html")).unwrap();
    let files = Files::new(&folder.public()).unwrap();
    let parts =
        ["/", "..", "%2e", "up", "out.txt", "secret.txt", ".hidden", "show.txt", "hidden", "sub", "empty", "in.html"];
    corro::run(|| {
        for first in parts {
            for second in parts {
                for third in parts {
                    if let Ok(Found::File(opened)) = files.find(&format!("/{first}/{second}/{third}")) {
                        let text = std::io::read_to_string(&opened.file).unwrap();
                        assert!(!text.contains("secret"), "/{first}/{second}/{third}");
                    }
                }
            }
        }
    });
    assert_eq!(fs::read_to_string(public.join("up/secret.txt")).unwrap(), "secret");
}
