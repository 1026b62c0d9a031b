//! What counts as a change.

use std::fs;

use super::*;

#[test]
fn only_new_content_is_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yaml");
    fs::write(&file, "one").unwrap();
    let mut watch = Watch::new(vec![file.clone()]);
    assert!(!watch.changed());
    fs::write(&file, "two").unwrap();
    assert!(watch.changed());
    assert!(!watch.changed());
    // The same text, another file: an atomic replacement.
    let other = folder.path().join("new");
    fs::write(&other, "two").unwrap();
    fs::rename(&other, &file).unwrap();
    assert!(!watch.changed());
}

#[test]
fn a_file_that_comes_or_goes_is_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    let mut watch = Watch::new(vec![
        folder.path().to_owned(),
        folder.path().join("missing"),
    ]);
    assert!(!watch.changed());
    fs::write(&file, "a").unwrap();
    assert!(watch.changed());
    fs::remove_file(&file).unwrap();
    assert!(watch.changed());
    fs::write(folder.path().join("missing"), "b").unwrap();
    assert!(watch.changed());
}

#[test]
fn a_link_that_moves_to_another_folder_is_a_change() {
    // What Kubernetes does with a ConfigMap.
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("v1", "one"), ("v2", "two")] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("policy.yaml"), text).unwrap();
    }
    let current = folder.path().join("current");
    std::os::unix::fs::symlink("v1", &current).unwrap();
    let mut watch = Watch::new(vec![current.join("policy.yaml")]);
    std::os::unix::fs::symlink("v2", folder.path().join("next")).unwrap();
    fs::rename(folder.path().join("next"), &current).unwrap();
    assert!(watch.changed());
}
