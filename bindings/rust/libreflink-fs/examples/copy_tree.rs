//! Copies a directory with all that is in it: directories, files (shared where possible) and symbolic links.
//! usage: copy_tree SOURCE NEW_DIRECTORY

use std::fs;
use std::io;
#[cfg(unix)]
use std::os::unix::fs::symlink;
#[cfg(windows)]
use std::os::windows::fs::symlink_file as symlink;
use std::path::{Path, PathBuf};

use libreflink_fs::CopyOptions;

/// Returns how many bytes share their blocks.
pub fn copy_tree(options: &CopyOptions, src: &Path, dst: &Path) -> io::Result<u64> {
    let mut shared: u64 = 0;
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        fs::create_dir(dst.join(&directory))?;
        for entry in fs::read_dir(src.join(&directory))? {
            let (entry, name) = entry.map(|entry| (entry.file_type(), directory.join(entry.file_name())))?;
            let kind = entry?;
            if kind.is_dir() {
                directories.push(name);
            } else if kind.is_symlink() {
                symlink(fs::read_link(src.join(&name))?, dst.join(&name))?;
            } else {
                let report = options.copy(src.join(&name), dst.join(&name))?;
                shared = shared.saturating_add(report.bytes_cloned);
            }
        }
    }
    Ok(shared)
}

fn main() -> io::Result<()> {
    let names: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [src, dst] = names.as_slice() else {
        return Err(io::Error::other("usage: copy_tree SOURCE NEW_DIRECTORY"));
    };
    let options = CopyOptions::new().preserve_times(true).nofollow(true);
    println!("{} bytes shared", copy_tree(&options, src, dst)?);
    Ok(())
}
