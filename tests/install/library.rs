//! The two libraries as files: names, versions, flags and size, with each linker there is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::fixture::{
    self, Outcome, Scratch, Test, check, command, done, installation, root, target, version,
};

/// A promise of the README: what a program carries along, in bytes.
const LARGEST: &str = include_str!("../largest-library");

pub fn tests() -> Vec<Test> {
    let mut tests = vec![
        fixture::test("shared_library_as_installed", &["make", "cc", "nm", "readelf"], || {
            shared(&installation()?.shared())
        }),
        fixture::test("static_library_shows_its_symbols_only", &["make", "cc", "nm"], || {
            static_symbols(&installation()?.libdir().join("libreflink.a"))
        }),
        fixture::test("both_links_are_reproducible", &["make", "cc"], reproducible),
    ];
    for (linker, tool) in [("bfd", "ld.bfd"), ("lld", "ld.lld"), ("gold", "ld.gold")] {
        for compiler in ["gcc", "clang"] {
            let name = format!("symbols_have_versions_with_{compiler}_and_{linker}");
            tests.push(fixture::test(name, &["make", compiler, tool, "nm", "readelf"], move || {
                let scratch = Scratch::new(linker);
                link(compiler, &format!("-fuse-ld={linker}"), &scratch.0)?;
                shared(&scratch.0.join("libreflink.so.0"))?;
                static_symbols(&scratch.0.join("libreflink.a"))
            }));
        }
    }
    tests
}

/// The second link alone, over the archive that the installation was made from.
fn link(compiler: &str, flags: &str, out: &Path) -> Outcome {
    installation()?;
    let mut link = command(root().join("packaging/link.sh"));
    link.arg(target().join("release/libreflink.a")).arg(out).args(["0", version()]);
    link.env("CC", compiler).env("LDFLAGS", flags);
    link.env("NATIVE_LIBS", "-lgcc_s -lutil -lrt -lpthread -lm -ldl -lc");
    done(&mut link).map(drop)
}

/// "NODE symbol", as committed.
fn committed() -> BTreeSet<String> {
    let text =
        std::fs::read_to_string(root().join("include/reflink.symbols")).expect("include/reflink.symbols");
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

fn shared(library: &Path) -> Outcome {
    let names = done(command("nm").args(["-D", "--defined-only"]).arg(library))?;
    let exported: BTreeSet<String> = names
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        // GNU ld names the node itself too.
        .filter(|name| *name != "LIBREFLINK_0.1")
        .map(|name| match name.split_once("@@") {
            Some((symbol, node)) => format!("{node} {symbol}"),
            None => format!("no version: {name}"),
        })
        .collect();
    let wanted = committed();
    check(exported == wanted, || format!("exported:\n{exported:#?}\ncommitted:\n{wanted:#?}"))?;

    let dynamic = done(command("readelf").arg("-dW").arg(library))?;
    for wanted in ["soname: [libreflink.so.0]", "NODELETE", "NOW"] {
        check(dynamic.contains(wanted), || format!("no {wanted}:\n{dynamic}"))?;
    }
    for forbidden in ["TEXTREL", "RPATH", "RUNPATH"] {
        check(!dynamic.contains(forbidden), || format!("{forbidden}:\n{dynamic}"))?;
    }
    for line in dynamic.lines().filter(|line| line.contains("(NEEDED)")) {
        let known = ["libc.so", "libgcc_s.so", "ld-linux", "ld64.so", "ld.so"];
        check(known.iter().any(|name| line.contains(name)), || format!("another library: {line}"))?;
    }
    let headers = done(command("readelf").arg("-lW").arg(library))?;
    check(headers.contains("GNU_RELRO"), || "no relro".to_owned())?;
    let stack = headers.lines().find(|line| line.contains("GNU_STACK")).unwrap_or("");
    check(stack.contains("RW ") && !stack.contains("RWE"), || format!("stack: {stack}"))?;
    small(library)
}

fn small(library: &Path) -> Outcome {
    let scratch = Scratch::new("strip");
    let stripped = scratch.0.join("stripped.so");
    done(command("strip").arg("--strip-unneeded").arg("-o").arg(&stripped).arg(library))?;
    let size = std::fs::metadata(&stripped).map_err(|error| error.to_string())?.len();
    let largest: u64 = LARGEST.trim().parse().unwrap();
    check(size <= largest, || format!("{size} bytes stripped, of at most {largest}"))
}

fn static_symbols(archive: &Path) -> Outcome {
    let names = done(command("nm").args(["-g", "--defined-only"]).arg(archive))?;
    let global: BTreeSet<String> =
        names.lines().filter_map(|line| line.split_whitespace().nth(2)).map(str::to_owned).collect();
    let wanted: BTreeSet<String> =
        committed().iter().filter_map(|line| line.split(' ').nth(1).map(str::to_owned)).collect();
    check(global == wanted, || format!("global:\n{global:#?}\ncommitted:\n{wanted:#?}"))
}

fn reproducible() -> Outcome {
    let both: [PathBuf; 2] = ["one", "another-directory"]
        .map(|name| installation().map_or(PathBuf::new(), |_| PathBuf::from(name)));
    let scratch = Scratch::new("twice");
    for name in &both {
        link("cc", "", &scratch.0.join(name))?;
    }
    for file in [format!("libreflink.so.{}", version()), "libreflink.a".to_owned()] {
        let bytes = |name: &PathBuf| {
            std::fs::read(scratch.0.join(name).join(&file)).map_err(|error| error.to_string())
        };
        check(bytes(&both[0])? == bytes(&both[1])?, || format!("{file} differs between two links"))?;
    }
    Ok(())
}
