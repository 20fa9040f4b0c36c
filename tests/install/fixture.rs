//! What the tests share: scratch directories, commands in a clean environment, and one installation made by `make install`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

pub type Outcome = Result<(), String>;

pub struct Test {
    pub name: String,
    /// Commands without which it is skipped.
    pub needs: Vec<&'static str>,
    pub run: Box<dyn FnOnce() -> Outcome + Send>,
}

pub fn test(
    name: impl Into<String>,
    needs: &[&'static str],
    run: impl FnOnce() -> Outcome + Send + 'static,
) -> Test {
    Test { name: name.into(), needs: needs.to_vec(), run: Box::new(run) }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// cargo's own, so that what `make` built is not built once more.
pub fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target directory")
}

pub fn is_here(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(tool).is_file())
}

/// A directory that goes with its owner.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("reflink-install-{}-{number}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a scratch directory");
        Self(path)
    }

    /// A new directory in it.
    pub fn directory(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(&path).expect("a directory");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A command as a person would type it: nothing of cargo's or of an outer make's is in its environment.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for name in [
        "LD_LIBRARY_PATH",
        "MAKEFLAGS",
        "MFLAGS",
        "MAKELEVEL",
        "MAKEOVERRIDES",
        "CC",
        "CFLAGS",
        "LDFLAGS",
        "DESTDIR",
        "PREFIX",
        "LIBDIR",
        "CARGO_BUILD_TARGET",
        "PKG_CONFIG_PATH",
    ] {
        command.env_remove(name);
    }
    command
}

/// What it printed, or why it failed.
pub fn done(command: &mut Command) -> Result<String, String> {
    let output: Output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(out);
    }
    let err = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}\n{out}{err}", output.status))
}

pub fn check(condition: bool, what: impl FnOnce() -> String) -> Outcome {
    if condition { Ok(()) } else { Err(what()) }
}

/// `make TARGET VARIABLE=…` in the source tree.
pub fn make(target_name: &str, variables: &[(&str, &str)]) -> Command {
    let mut make = command("make");
    make.current_dir(root()).arg(target_name).env("CARGO_TARGET_DIR", target());
    for (name, value) in variables {
        make.arg(format!("{name}={value}"));
    }
    make
}

/// The installation that most tests look at: PREFIX is where it stands, LIBDIR is a multiarch one.
pub struct Installation {
    pub prefix: PathBuf,
}

impl Installation {
    pub fn libdir(&self) -> PathBuf {
        self.prefix.join("lib/multi-arch")
    }

    pub fn shared(&self) -> PathBuf {
        self.libdir().join("libreflink.so.0")
    }
}

/// Made once. It is removed by the next run, and by `cargo clean`: it lies in cargo's directory for such things.
pub fn installation() -> Result<&'static Installation, String> {
    static INSTALLED: OnceLock<Result<Installation, String>> = OnceLock::new();
    let installed = INSTALLED.get_or_init(|| {
        let prefix = Path::new(env!("CARGO_TARGET_TMPDIR")).join("installed");
        let _ = std::fs::remove_dir_all(&prefix);
        let installation = Installation { prefix };
        let prefix = installation.prefix.display().to_string();
        let libdir = installation.libdir().display().to_string();
        done(&mut make("install", &[("PREFIX", &prefix), ("LIBDIR", &libdir)]))?;
        Ok(installation)
    });
    installed.as_ref().map_err(Clone::clone)
}

pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
