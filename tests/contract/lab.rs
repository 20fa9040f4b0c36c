//! The file systems that the tests run on: loop-mounted in a mount namespace of this process's own.
//! When the process ends, however it ends, the mounts go with it; the images lose their names as soon as they are mounted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory to run tests in, and what is known of its file system.
#[derive(Clone, Debug)]
pub struct Place {
    pub name: &'static str,
    /// Why it is not to be had here; then nothing else counts.
    pub missing: Option<String>,
    pub dir: PathBuf,
    /// It can clone.
    pub clones: bool,
    /// Its block size, where clones are to be aligned to it.
    pub block: u64,
    /// FIEMAP tells which blocks are shared.
    pub fiemap: bool,
    pub fs_name: &'static str,
}

/// How a file system is made.
struct Recipe {
    name: &'static str,
    mkfs: &'static [&'static str],
    size: u64,
    options: &'static str,
    clones: bool,
    block: u64,
    fs_name: &'static str,
}

const RECIPES: &[Recipe] = &[
    xfs("xfs-1k", &["mkfs.xfs", "-q", "-b", "size=1024"], 1024, true),
    xfs("xfs-4k", &["mkfs.xfs", "-q", "-b", "size=4096"], 4096, true),
    xfs("xfs-64k", &["mkfs.xfs", "-q", "-b", "size=65536"], 65536, true),
    xfs("xfs-noreflink", &["mkfs.xfs", "-q", "-m", "reflink=0"], 4096, false),
    btrfs("btrfs", ""),
    btrfs("btrfs-nodatacow", "nodatacow"),
    Recipe {
        name: "ext4",
        mkfs: &["mkfs.ext4", "-q"],
        size: 2 << 30,
        options: "",
        clones: false,
        block: 4096,
        fs_name: "ext4",
    },
];

const fn xfs(name: &'static str, mkfs: &'static [&'static str], block: u64, clones: bool) -> Recipe {
    Recipe { name, mkfs, size: 2 << 30, options: "", clones, block, fs_name: "xfs" }
}

const fn btrfs(name: &'static str, options: &'static str) -> Recipe {
    Recipe {
        name,
        mkfs: &["mkfs.btrfs", "-q"],
        size: 2 << 30,
        options,
        clones: true,
        block: 4096,
        fs_name: "btrfs",
    }
}

const OVERLAYS: &[(&str, &str)] = &[
    ("overlay-xfs", "xfs-4k"),
    ("overlay-btrfs", "btrfs"),
    ("overlay-ext4", "ext4"),
    ("overlay-tmpfs", "tmpfs"),
];

fn place(name: &'static str, dir: PathBuf, clones: bool, block: u64, fs_name: &'static str) -> Place {
    // The stand-in for other Unixes (portable.rs) clones nothing.
    let clones = clones && std::env::var_os("REFLINK_TEST_PORTABLE").is_none();
    let fiemap = !matches!(fs_name, "tmpfs") && !name.ends_with("tmpfs");
    Place { name, missing: None, dir, clones, block, fiemap, fs_name }
}

fn missing(name: &'static str, why: &str) -> Place {
    let why = Some(why.to_string());
    Place { name, missing: why, dir: PathBuf::new(), clones: false, block: 0, fiemap: false, fs_name: "" }
}

/// Every place, those that cannot be had with the reason.
pub fn places() -> Vec<Place> {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lab");
    match prepare(&base) {
        Ok(()) => mount_all(&base),
        Err(why) => without_mounts(&base, &why),
    }
}

/// A namespace of this process's own, before it has threads, and a tmpfs for everything to lie in.
fn prepare(base: &Path) -> Result<(), String> {
    if unsafe { libc::geteuid() } != 0 {
        return Err("needs root, to mount".into());
    }
    if unsafe { libc::unshare(libc::CLONE_NEWNS) } != 0 {
        return Err("this root may not make a mount namespace".into());
    }
    fs::create_dir_all(base).map_err(|error| error.to_string())?;
    run(Command::new("mount").args(["--make-rprivate", "/"]))
        .map_err(|why| format!("{why} (a chroot's root must be a mount: mount --bind ROOT ROOT)"))?;
    run(Command::new("mount").args(["-t", "tmpfs", "-o", "mode=0755", "reflink-test"]).arg(base))
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

fn mount_all(base: &Path) -> Vec<Place> {
    let mut places = vec![tmpfs(base)];
    for recipe in RECIPES {
        places.push(match mount_one(base, recipe) {
            Ok(dir) => place(recipe.name, dir, recipe.clones, recipe.block, recipe.fs_name),
            Err(why) => missing(recipe.name, &why),
        });
    }
    for (name, below) in OVERLAYS {
        let made = places.iter().find(|place| place.name == *below).cloned();
        places.push(match made {
            Some(below) if below.missing.is_none() => overlay(base, name, &below),
            _ => missing(name, &format!("needs {below}")),
        });
    }
    places
}

fn tmpfs(base: &Path) -> Place {
    let dir = base.join("tmpfs");
    let _ = fs::create_dir_all(&dir);
    match run(Command::new("mount").args(["-t", "tmpfs", "reflink-test"]).arg(&dir)) {
        Ok(()) => place("tmpfs", open_to_all(dir), false, 4096, "tmpfs"),
        Err(why) => missing("tmpfs", &why),
    }
}

fn mount_one(base: &Path, recipe: &Recipe) -> Result<PathBuf, String> {
    let dir = base.join(recipe.name);
    fs::create_dir_all(&dir).map_err(|error| error.to_string())?;
    // On the disk below, not in memory: the images are sparse, but tests write to them.
    let image =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{}.img", recipe.name, std::process::id()));
    let made = fs::File::create(&image)
        .and_then(|file| file.set_len(recipe.size))
        .map_err(|error| error.to_string());
    let mounted = made.and_then(|()| {
        let (program, arguments) = recipe.mkfs.split_first().unwrap();
        run(Command::new(program).args(arguments).arg(&image))?;
        let options =
            if recipe.options.is_empty() { "loop".into() } else { format!("loop,{}", recipe.options) };
        run(Command::new("mount").args(["-o", &options]).arg(&image).arg(&dir))
    });
    let _ = fs::remove_file(&image);
    mounted.map(|()| open_to_all(dir))
}

fn overlay(base: &Path, name: &'static str, below: &Place) -> Place {
    let (upper, work) = (below.dir.join("overlay-upper"), below.dir.join("overlay-work"));
    let (lower, dir) = (below.dir.join("overlay-lower"), base.join(name));
    for each in [&upper, &work, &lower, &dir] {
        fs::create_dir_all(each).unwrap();
    }
    let options =
        format!("lowerdir={},upperdir={},workdir={}", lower.display(), upper.display(), work.display());
    match run(Command::new("mount").args(["-t", "overlay", "-o", &options, "reflink-test"]).arg(&dir)) {
        Ok(()) => Place {
            fiemap: below.fiemap,
            ..place(name, open_to_all(dir), below.clones, below.block, "overlay")
        },
        Err(why) => missing(name, &why),
    }
}

/// Some tests give up root.
fn open_to_all(dir: PathBuf) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
    dir
}

/// What there is without root: the directory that the tests are built in, whatever it is, and a tmpfs that is there already.
fn without_mounts(base: &Path, why: &str) -> Vec<Place> {
    let mut places: Vec<Place> = RECIPES.iter().map(|recipe| missing(recipe.name, why)).collect();
    places.extend(OVERLAYS.iter().map(|(name, _)| missing(name, why)));
    let shm = Path::new("/dev/shm").join(format!("reflink-test-{}", std::process::id()));
    let ours = fs::create_dir(&shm).is_ok() && fs_type(&shm) == 0x0102_1994;
    places.push(if ours {
        place("tmpfs", shm, false, 4096, "tmpfs")
    } else {
        missing("tmpfs", "no tmpfs at /dev/shm")
    });
    let here = base.with_file_name("here");
    let _ = fs::create_dir_all(&here);
    let known = match fs_type(&here) {
        0xef53 => Some("ext4"),
        0x0102_1994 => Some("tmpfs"),
        _ => None,
    };
    places.push(match known {
        Some(fs_name) => place("here", here, false, 4096, fs_name),
        None => missing("here", "the build directory's file system is neither ext4 nor tmpfs"),
    });
    places
}

/// Takes away what `without_mounts` made in directories that outlive the process.
pub fn clean(places: &[Place]) {
    for place in places.iter().filter(|place| place.missing.is_none()) {
        if place.dir.starts_with("/dev/shm") || place.name == "here" {
            let _ = fs::remove_dir_all(&place.dir);
        }
    }
}

fn fs_type(path: &Path) -> u64 {
    let path = crate::abi::c_path(path);
    let mut raw = std::mem::MaybeUninit::<libc::statfs64>::zeroed();
    unsafe {
        libc::statfs64(path.as_ptr(), raw.as_mut_ptr());
        raw.assume_init().f_type as u64
    }
}
