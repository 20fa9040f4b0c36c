//! The tree: what `make install` puts where, that `make uninstall` takes it away again, that both obey the directories they
//! are given, and that `cargo cinstall` makes the same.

use std::collections::BTreeSet;
use std::path::Path;

use crate::fixture::{
    self, Outcome, Scratch, Test, check, command, done, installation, make, root, target, version,
};

pub fn tests() -> Vec<Test> {
    vec![
        fixture::test("tree_is_complete_and_uninstall_removes_it", &["make", "cc"], complete),
        fixture::test("uninstall_leaves_what_is_of_others", &["make", "cc"], others_stay),
        fixture::test("directories_are_obeyed", &["make", "cc"], directories),
        fixture::test("install_after_build_needs_no_cargo", &["make", "cc"], no_cargo),
        fixture::test("prefixes_that_cannot_be_written_down_are_refused", &["make", "cc"], refused),
        fixture::test("cargo_build_target_and_flags_are_obeyed", &["make", "cc", "cargo"], flags),
        fixture::test("cinstall_makes_the_same_tree", &["make", "cc", "cargo-cinstall"], cinstall),
    ]
}

/// Everything in `directory` that is no directory, relative to it. A link is written with what it points to.
fn files(directory: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk(directory, directory, &mut found);
    found
}

fn walk(top: &Path, directory: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = path.strip_prefix(top).expect("below").display().to_string();
        match std::fs::read_link(&path) {
            Ok(to) => {
                found.insert(format!("{name} -> {}", to.display()));
            }
            Err(_) if path.is_dir() => walk(top, &path, found),
            Err(_) => {
                found.insert(name);
            }
        }
    }
}

/// The tree that is promised, with `libdir` relative to the prefix.
fn expected(libdir: &str) -> BTreeSet<String> {
    let version = version();
    let mut tree: BTreeSet<String> = [
        format!("{libdir}/libreflink.so.{version}"),
        format!("{libdir}/libreflink.so.0 -> libreflink.so.{version}"),
        format!("{libdir}/libreflink.so -> libreflink.so.{version}"),
        format!("{libdir}/libreflink.a"),
        format!("{libdir}/pkgconfig/libreflink.pc"),
        "include/libreflink.h".to_owned(),
        "include/libreflink.hpp".to_owned(),
        "share/cmake/libreflink/libreflink-config.cmake".to_owned(),
        "share/cmake/libreflink/libreflink-config-version.cmake".to_owned(),
        "share/doc/libreflink/LICENSE-MIT".to_owned(),
        "share/doc/libreflink/LICENSE-APACHE".to_owned(),
        "share/man/man7/libreflink.7".to_owned(),
    ]
    .into();
    let symbols = std::fs::read_to_string(root().join("include/reflink.symbols")).expect("reflink.symbols");
    for line in symbols.lines().filter(|line| !line.starts_with('#')) {
        let symbol = line.split(' ').nth(1).expect("a node and a symbol");
        tree.insert(format!("share/man/man3/{symbol}.3"));
    }
    tree
}

fn same(found: &BTreeSet<String>, wanted: &BTreeSet<String>) -> Outcome {
    let too_much: Vec<_> = found.difference(wanted).collect();
    let too_little: Vec<_> = wanted.difference(found).collect();
    check(found == wanted, || format!("not promised: {too_much:?}\nmissing: {too_little:?}"))
}

fn complete() -> Outcome {
    let stage = Scratch::new("stage");
    let destdir = stage.0.display().to_string();
    let arguments = [("DESTDIR", destdir.as_str()), ("PREFIX", "/usr"), ("LIBDIR", "/usr/lib/x")];
    done(&mut make("install", &arguments))?;
    same(&files(&stage.0.join("usr")), &expected("lib/x"))?;
    // Over itself, as an upgrade does.
    done(&mut make("install", &arguments))?;
    same(&files(&stage.0.join("usr")), &expected("lib/x"))?;
    let pc = std::fs::read_to_string(stage.0.join("usr/lib/x/pkgconfig/libreflink.pc"))
        .map_err(|e| e.to_string())?;
    check(pc.contains("prefix=/usr\n") && pc.contains("libdir=${prefix}/lib/x\n"), || pc.clone())?;
    check(!pc.contains(&destdir), || format!("DESTDIR in the .pc file:\n{pc}"))?;
    done(&mut make("uninstall", &arguments))?;
    same(&files(&stage.0), &BTreeSet::new())?;
    check(!stage.0.join("usr/share/cmake/libreflink").exists(), || "its own directory stays".to_owned())
}

fn others_stay() -> Outcome {
    let stage = Scratch::new("others");
    let destdir = stage.0.display().to_string();
    let arguments = [("DESTDIR", destdir.as_str()), ("PREFIX", "/p")];
    let others = ["p/lib/libother.so", "p/share/man/man3/other.3", "p/share/cmake/libreflink/mine.cmake"];
    for other in others {
        let path = stage.0.join(other);
        std::fs::create_dir_all(path.parent().expect("a parent")).map_err(|e| e.to_string())?;
        std::fs::write(path, "").map_err(|e| e.to_string())?;
    }
    done(&mut make("install", &arguments))?;
    done(&mut make("uninstall", &arguments))?;
    same(&files(&stage.0), &others.iter().map(|other| (*other).to_owned()).collect())
}

fn directories() -> Outcome {
    let stage = Scratch::new("directories");
    let destdir = stage.0.display().to_string();
    done(&mut make(
        "install",
        &[
            ("DESTDIR", &destdir),
            ("PREFIX", "/opt/r"),
            ("LIBDIR", "/elsewhere/lib64"),
            ("INCLUDEDIR", "/opt/r/include/sub"),
            ("MANDIR", "/m"),
            ("CMAKEDIR", "/elsewhere/lib64/cmake/libreflink"),
            ("DOCDIR", "/d"),
            ("PKGCONFIGDIR", "/p"),
        ],
    ))?;
    for file in [
        "elsewhere/lib64/libreflink.a",
        "opt/r/include/sub/libreflink.h",
        "m/man7/libreflink.7",
        "elsewhere/lib64/cmake/libreflink/libreflink-config.cmake",
        "d/LICENSE-MIT",
        "p/libreflink.pc",
    ] {
        check(stage.0.join(file).is_file(), || format!("no {file}"))?;
    }
    let tops: BTreeSet<String> =
        files(&stage.0).iter().filter_map(|f| f.split('/').next().map(str::to_owned)).collect();
    let wanted = ["d", "elsewhere", "m", "opt", "p"].map(str::to_owned).into();
    same(&tops, &wanted)
}

/// "make && sudo make install": root has no cargo, and must not build.
fn no_cargo() -> Outcome {
    installation()?;
    let stage = Scratch::new("root");
    let destdir = stage.0.display().to_string();
    done(&mut make("install", &[("DESTDIR", &destdir), ("CARGO", "/bin/false")])).map(drop)
}

fn refused() -> Outcome {
    for (prefix, reason) in
        [("not/absolute", "not an absolute path"), ("/with space", "only letters"), ("/a|b", "only letters")]
    {
        match done(&mut make("install", &[("PREFIX", prefix), ("DESTDIR", "/nonexistent/")])) {
            Err(said) => check(said.contains(reason), || said)?,
            Ok(_) => return Err(format!("installed into {prefix}")),
        }
    }
    Ok(())
}

/// A named target moves cargo's output, flags reach each of the two links, and RUSTFLAGS reach rustc.
fn flags() -> Outcome {
    let rustc = done(command("rustc").arg("-vV"))?;
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("no host")?;
    let stage = Scratch::new("flags");
    let built = stage.directory("target").display().to_string();
    let destdir = stage.0.join("stage").display().to_string();
    // A compiler that writes down what it is asked to do.
    let cc = stage.0.join("my-cc");
    let log = stage.0.join("log");
    let script = format!("#!/bin/sh\necho \"$@\" >> '{}'\nexec cc \"$@\"\n", log.display());
    std::fs::write(&cc, script).map_err(|e| e.to_string())?;
    done(command("chmod").arg("+x").arg(&cc))?;
    let mut install = make("install", &[("DESTDIR", &destdir), ("PREFIX", "/usr")]);
    install
        .env("CARGO_TARGET_DIR", &built)
        .env("CARGO_BUILD_TARGET", host)
        .env("CC", &cc)
        .env("CFLAGS", "-O1 -DMY_CFLAG")
        .env("LDFLAGS", "-Wl,--hash-style=gnu -Wl,--defsym=my_ldflag=0")
        .env("RUSTFLAGS", "--cfg my_rustflag -Cforce-frame-pointers=yes");
    done(&mut install)?;
    let log = std::fs::read_to_string(log).unwrap_or_default();
    let shared = log.lines().find(|line| line.contains("-shared")).ok_or("CC was not used")?;
    check(shared.contains("-DMY_CFLAG") && shared.contains("my_ldflag"), || format!("flags lost: {shared}"))?;
    check(Path::new(&built).join(host).join("release/libreflink.a").is_file(), || {
        "no target directory".into()
    })?;
    let flags_seen = files(&Path::new(&built).join(host).join("release/.fingerprint")).iter().any(|name| {
        name.ends_with(".json")
            && read(&Path::new(&built).join(host).join("release/.fingerprint").join(name))
                .contains("my_rustflag")
    });
    check(flags_seen, || "RUSTFLAGS did not reach cargo".to_owned())?;
    same(&files(&Path::new(&destdir).join("usr")), &expected("lib"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn cinstall() -> Outcome {
    let stage = Scratch::new("cinstall");
    let mut cargo = command("cargo");
    cargo.current_dir(root()).args([
        "cinstall",
        "--release",
        "--locked",
        "--prefix=/usr",
        "--libdir=/usr/lib/x",
    ]);
    // Its flags differ from cargo's, so it has a directory of its own.
    cargo.arg("--destdir").arg(&stage.0).arg("--target-dir").arg(target().join("cinstall"));
    done(&mut cargo)?;
    same(&files(&stage.0.join("usr")), &expected("lib/x"))?;
    let shared = stage.0.join(format!("usr/lib/x/libreflink.so.{}", version()));
    let dynamic = done(command("readelf").arg("-dW").arg(&shared))?;
    check(dynamic.contains("[libreflink.so.0]") && dynamic.contains("NODELETE"), || dynamic.clone())?;
    // Both .pc files say the same to a program.
    let own = Scratch::new("own");
    let destdir = own.0.display().to_string();
    done(&mut make("install", &[("DESTDIR", &destdir), ("PREFIX", "/usr"), ("LIBDIR", "/usr/lib/x")]))?;
    for question in [&["--cflags", "--libs"][..], &["--static", "--libs"][..], &["--modversion"][..]] {
        let ask = |tree: &Path| {
            let mut pkg_config = command("pkg-config");
            pkg_config
                .args(question)
                .arg("libreflink")
                .env("PKG_CONFIG_LIBDIR", tree.join("usr/lib/x/pkgconfig"));
            done(&mut pkg_config)
                .map(|words| words.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>())
        };
        let (theirs, ours) = (ask(&stage.0)?, ask(&own.0)?);
        check(theirs == ours, || format!("{question:?}: cinstall {theirs:?}, make install {ours:?}"))?;
    }
    Ok(())
}
