//! Copies a directory with all that is in it, and asks the file system whether the copy shares its blocks.
//! usage: copy_tree SOURCE NEW_DIRECTORY

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libreflink_fs::{Look, Tree};

/// Whether each file of `dst` that has data lies where the file of the same path in `src` lies. That is a proof: what the
/// file system does not say for certain counts as no.
pub fn proven(src: &Path, dst: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(dst)? {
        let entry = entry?;
        let (kind, source) = (entry.file_type()?, src.join(entry.file_name()));
        if kind.is_dir() && !proven(&source, &entry.path())? {
            return Ok(false);
        }
        if kind.is_file() {
            let found = Look::new().shared(&File::open(source)?, &File::open(entry.path())?)?;
            if found.length > 0 && !found.is_all() {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn run() -> io::Result<()> {
    let names: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [src, dst] = names.as_slice() else {
        return Err(io::Error::other("usage: copy_tree SOURCE NEW_DIRECTORY"));
    };
    let report = Tree::new().preserve_times(true).threads(2).copy(src, dst)?;
    println!(
        "{} files, {} of them cloned: {} bytes shared",
        report.files, report.files_cloned, report.bytes_cloned
    );
    println!(
        "proven: {}",
        if proven(src, dst)? { "every block is shared" } else { "not every block is shared" }
    );
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("copy_tree: {error}"); // which names the entry
            ExitCode::FAILURE
        }
    }
}
