//! A file system of a test's own, which it may break: unmount and mount again, shut down, make read-only, copy as it lies on disk.
//! It lives in this process's mount namespace; the image has no name, and the loop device goes with the last who holds it.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::skip;

pub struct Volume {
    /// Held open: the device is set to clear itself, which it does when nobody holds it.
    _device: File,
    image: File,
    name: String,
    pub dir: PathBuf,
    options: String,
    mounted: bool,
}

/// Runs a program, and says what it had to say when it fails.
pub fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output =
        Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_string());
    }
    Err(format!("{program} {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}

fn or_skip<T>(outcome: Result<T, String>) -> T {
    outcome.unwrap_or_else(|why| skip(why))
}

fn number() -> u64 {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

impl Volume {
    /// Made by mkfs.`kind`; a test that cannot have it is skipped.
    pub fn new(kind: &str, megabytes: u64, mkfs: &[&str], options: &str) -> Self {
        if unsafe { libc::geteuid() } != 0 {
            skip("needs root, to mount");
        }
        let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let path = base.join(format!("volume-{kind}-{}-{}.img", std::process::id(), number()));
        let image = File::create_new(&path).unwrap();
        image.set_len(megabytes << 20).unwrap();
        let mut arguments = vec!["-q"];
        arguments.extend(mkfs);
        arguments.push(path.to_str().unwrap());
        let made = run(&format!("mkfs.{kind}"), &arguments);
        let attached = made.and_then(|_| run("losetup", &["-f", "--show", path.to_str().unwrap()]));
        let image = File::open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        Self::on(or_skip(attached), image, options)
    }

    /// On a loop device just attached.
    fn on(name: String, image: File, options: &str) -> Self {
        let device = File::open(&name).unwrap();
        // Detached only once nobody holds it; until then it can be mounted again and again.
        or_skip(run("losetup", &["-d", &name]).map(drop));
        let name_of_dir = format!("volume-{}-{}", std::process::id(), number());
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lab").join(name_of_dir);
        fs::create_dir_all(&dir).unwrap();
        let mut volume =
            Self { _device: device, image, name, dir, options: options.to_string(), mounted: false };
        or_skip(volume.try_mount());
        volume
    }

    fn try_mount(&mut self) -> Result<(), String> {
        let mut arguments = vec![self.name.as_str(), self.dir.to_str().unwrap()];
        if !self.options.is_empty() {
            arguments.extend(["-o", &self.options]);
        }
        run("mount", &arguments)?;
        self.mounted = true;
        Ok(())
    }

    pub fn mount(&mut self) {
        self.try_mount().unwrap();
    }

    pub fn unmount(&mut self) {
        // A program that another test is starting holds this process's descriptors for a moment: between fork and exec.
        let mut outcome = Ok(String::new());
        for _ in 0..100 {
            outcome = run("umount", &[self.dir.to_str().unwrap()]);
            if outcome.is_ok() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        outcome.unwrap();
        self.mounted = false;
    }

    pub fn remount(&self, how: &str) -> Result<(), String> {
        run("mount", &["-o", &format!("remount,{how}"), self.dir.to_str().unwrap()]).map(drop)
    }

    /// Stops the file system where it stands: nothing more goes to disk, not even the log.
    pub fn shut_down(&self) {
        or_skip(run("xfs_io", &["-x", "-c", "shutdown", self.dir.to_str().unwrap()]).map(drop));
    }

    /// What has gone to the device by now, as a volume of its own: what a power cut at this instant would leave.
    /// The original is unmounted first, since two of one file system are not told apart.
    pub fn after_power_cut(mut self) -> Self {
        let (name, image) = self.copied();
        self.unmount();
        let options = self.options.clone();
        drop(self);
        Self::on(name, image, &options)
    }

    /// The same once more, both mounted; skipped where the kernel mounts only one of them.
    pub fn twin(&self, options: &str) -> Self {
        let dir = File::open(&self.dir).unwrap();
        assert_eq!(unsafe { libc::syncfs(dir.as_raw_fd()) }, 0);
        let (name, image) = self.copied();
        Self::on(name, image, options)
    }

    /// A copy of the image, on a loop device.
    fn copied(&self) -> (String, File) {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!(
            "cut-{}-{}.img",
            std::process::id(),
            number()
        ));
        copy_sparse(&format!("/proc/self/fd/{}", self.image.as_raw_fd()), &path);
        let attached = run("losetup", &["-f", "--show", path.to_str().unwrap()]);
        let image = File::open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        (attached.unwrap(), image)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// By hand: the descriptor is this process's, and what copies is not to be what is tested.
fn copy_sparse(from: &str, to: &Path) {
    use std::os::unix::fs::FileExt;
    let (from, to) = (File::open(from).unwrap(), File::create(to).unwrap());
    let size = from.metadata().unwrap().len();
    to.set_len(size).unwrap();
    let mut buffer = vec![0_u8; 1 << 20];
    let mut at = 0;
    while at < size {
        let data = unsafe { libc::lseek64(from.as_raw_fd(), at as i64, libc::SEEK_DATA) };
        let Ok(data) = u64::try_from(data) else { break };
        let hole = unsafe { libc::lseek64(from.as_raw_fd(), data as i64, libc::SEEK_HOLE) } as u64;
        at = data;
        while at < hole {
            let most = (hole - at).min(buffer.len() as u64) as usize;
            let got = from.read_at(&mut buffer[..most], at).unwrap();
            to.write_all_at(&buffer[..got], at).unwrap();
            at += got as u64;
        }
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        if self.mounted {
            let _ = run("umount", &["-l", self.dir.to_str().unwrap()]);
        }
        let _ = fs::remove_dir(&self.dir);
    }
}
