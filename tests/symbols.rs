//! One list of symbols, one version, one soname: each is written in several forms (for the linker, CMake, cargo-c, Debian),
//! and here they are held together. The ABI is compared with the last release's.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let plain: [(&str, fn()); 10] = [
        ("the_map_says_what_the_list_says", map),
        ("the_header_declares_the_list", header),
        ("the_code_defines_the_list", code),
        ("one_soname", soname),
        ("one_version", version),
        ("native_libraries_are_what_rustc_says", native_libraries),
        ("one_publisher", publisher),
        ("no_release_with_placeholders", placeholders),
        ("packages_carry_all_examples", examples),
        ("the_table_of_functions_has_all", table_of_functions),
    ];
    let mut trials: Vec<Trial> = plain.into_iter().map(|(name, check)| trial(name, check)).collect();
    let here = Command::new("abidiff").arg("--version").output().is_ok();
    if !here {
        eprintln!("SKIPPED: the ABI is not compared: no abidiff here");
    }
    let released = root().join("packaging/abi/libreflink.h").is_file();
    if !released {
        eprintln!("SKIPPED: the ABI is not compared: there is no release yet");
    }
    let last_release = trial("the_abi_is_that_of_the_last_release", || abi("check"));
    trials.push(last_release.with_ignored_flag(!here || !released));
    trials.push(trial("the_comparison_finds_breaks", || abi("selftest")).with_ignored_flag(!here));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trial(name: &str, check: fn()) -> Trial {
    Trial::test(name, move || {
        check();
        Ok(())
    })
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// (node, symbol), in the order of the file.
fn list() -> Vec<(String, String)> {
    let text = read("include/reflink.symbols");
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let (node, symbol) = line.split_once(' ').expect("a node and a symbol");
            (node.to_owned(), symbol.to_owned())
        })
        .collect()
}

fn symbols() -> BTreeSet<String> {
    list().into_iter().map(|(_, symbol)| symbol).collect()
}

fn map() {
    let mut mapped = Vec::new();
    let mut node = String::new();
    for line in read("include/reflink.map").lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_suffix(" {") {
            node = name.to_owned();
        } else if let Some(symbol) = line.strip_suffix(';').filter(|symbol| symbol.starts_with("reflink_")) {
            mapped.push((node.clone(), symbol.to_owned()));
        }
    }
    assert_eq!(mapped, list(), "include/reflink.map and include/reflink.symbols, in this order");
    assert!(read("include/reflink.map").contains("local:\n        *;"), "everything else is local");
    assert_eq!(symbols().len(), list().len(), "a symbol twice");
}

fn header() {
    let header = read("include/libreflink.h");
    let declared: BTreeSet<String> = header
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()) && line.contains('('))
        .filter_map(|line| line.split('(').next()?.rsplit([' ', '*']).next().map(str::to_owned))
        .filter(|name| name.starts_with("reflink_"))
        .collect();
    assert_eq!(declared, symbols());
}

fn code() {
    let mut defined = BTreeSet::new();
    let files =
        |folder: &str| std::fs::read_dir(root().join(folder)).expect("a folder of src/capi").flatten();
    for entry in files("src/capi").chain(files("src/capi/trees")).filter(|entry| entry.path().is_file()) {
        let text = std::fs::read_to_string(entry.path()).expect("a source file");
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if line.contains("no_mangle") {
                let function = lines.find(|line| line.contains(" fn ")).expect("a function");
                let name = function.split(" fn ").nth(1).and_then(|rest| rest.split('(').next());
                defined.insert(name.expect("a name").to_owned());
            }
        }
    }
    assert_eq!(defined, symbols());
}

/// What stands between two texts, at the first place where both do.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split_once(before).unwrap_or_else(|| panic!("no {before:?}")).1;
    rest.split_once(after).unwrap_or_else(|| panic!("no {after:?} after {before:?}")).0
}

fn soname() {
    let number = between(&read("build.rs"), "const SOVERSION: &str = \"", "\"").to_owned();
    assert_eq!(between(&read("packaging/install.mk"), "\nSOVERSION := ", "\n"), number);
    let cmake = read("packaging/libreflink-config.cmake");
    assert_eq!(between(&cmake, "IMPORTED_SONAME \"libreflink.so.", "\""), number);
    // cargo-c makes its soname of the first component of the library's version.
    let cargo = read("Cargo.toml");
    let metadata = between(&cargo, "[package.metadata.capi.library]", "\n[").to_owned();
    assert!(metadata.contains("version_suffix_components = 1"), "{metadata}");
    assert_eq!(between(&metadata, "\nversion = \"", "."), number);
    assert!(root().join(format!("packaging/debian/libreflink{number}.symbols")).is_file());
    let debian = read(&format!("packaging/debian/libreflink{number}.symbols"));
    assert_eq!(between(&debian, "libreflink.so.", " "), number);
    let packaged: BTreeSet<(String, String)> = debian
        .lines()
        .filter_map(|line| line.trim().split(' ').next()?.split_once('@'))
        .filter(|(symbol, _)| symbol.starts_with("reflink_"))
        .map(|(symbol, node)| (node.to_owned(), symbol.to_owned()))
        .collect();
    assert_eq!(packaged, list().into_iter().collect(), "packaging/debian's symbols");
}

fn version() {
    let version = env!("CARGO_PKG_VERSION");
    let cargo = read("Cargo.toml");
    let metadata = between(&cargo, "[package.metadata.capi.library]", "\n[").to_owned();
    assert_eq!(between(&metadata, "\nversion = \"", "\""), version, "[package.metadata.capi.library]");
    let cmake = read("packaging/libreflink-config-version.cmake");
    assert_eq!(between(&cmake, "set(PACKAGE_VERSION \"", "\""), version);
    let debian = read("packaging/debian/changelog");
    assert_eq!(between(&debian, "libreflink (", "-"), version);
    let crates = read("bindings/rust/Cargo.toml");
    assert_eq!(between(&crates, "\nversion = \"", "\""), version, "bindings/rust");
    assert_eq!(
        crates.matches(&format!("version = \"{version}\", path")).count(),
        1,
        "libreflink-sys in bindings/rust"
    );
    assert!(
        crates.contains(&format!("version = \"={version}\", path")),
        "libreflink-static in bindings/rust"
    );
    let spec = read("packaging/rpm/libreflink.spec");
    assert_eq!(between(&spec, "\nVersion:", "\n").trim(), version);
}

/// docs/support.md says what each is for.
fn table_of_functions() {
    let page = read("docs/support.md");
    let table: Vec<&str> = page.lines().filter(|line| line.starts_with("| `reflink_")).collect();
    for symbol in symbols() {
        let named = table.iter().any(|line| line.contains(&format!("`{symbol}`")));
        assert!(named, "docs/support.md leaves out {symbol}");
    }
}

/// What is built beside them has no extension.
fn examples() {
    let files = std::fs::read_dir(root().join("examples-c")).expect("the examples");
    for path in files.map(|entry| entry.expect("a file").path()) {
        let pattern = match path.extension() {
            Some(extension) => format!("examples-c/*.{}", extension.to_string_lossy()),
            None if path.ends_with("Makefile") => "examples-c/Makefile".to_owned(),
            None => continue,
        };
        for list in ["packaging/debian/libreflink-dev.examples", "packaging/rpm/libreflink.spec"] {
            assert!(read(list).split_whitespace().any(|word| word == pattern), "{list} leaves out {pattern}");
        }
    }
}

/// packaging/install.mk names the libraries that a static program needs; rustc is asked whether they are those.
fn native_libraries() {
    if !cfg!(all(target_os = "linux", target_env = "gnu")) {
        return;
    }
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("native");
    std::fs::create_dir_all(&scratch).expect("a scratch directory");
    std::fs::write(scratch.join("empty.rs"), "").expect("a source file");
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--crate-type=staticlib", "--print=native-static-libs", "empty.rs"]).current_dir(&scratch);
    let output = rustc.output().expect("rustc");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let said = between(&said, "native-static-libs: ", "\n").to_owned();
    let committed = read("packaging/install.mk");
    let committed = between(&committed, "\nNATIVE_LIBS ?= ", "\n");
    assert_eq!(said.trim(), committed, "packaging/install.mk");
    let cmake = read("packaging/libreflink-config.cmake");
    let for_archive = committed.replace("-lgcc_s", "-lgcc_eh"); // as packaging/install.sh does
    assert_eq!(between(&cmake, "set(_libreflink_native_libs \"", "\""), for_archive);
}

/// packaging/publisher.sh, with this in the place of packaging/publisher.
fn publishes(action: &str, publisher: &Path) -> Result<(), String> {
    let mut script = Command::new(root().join("packaging/publisher.sh"));
    let output = script.arg(action).env("PUBLISHER", publisher).output().expect("packaging/publisher.sh");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(said) }
}

fn publisher() {
    publishes("check", &root().join("packaging/publisher")).unwrap();
}

fn placeholders() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("publisher");
    let real = [
        ("name", "Someone"),
        ("contact", "a@reflink.test"),
        ("homepage", "https://reflink.test/x"),
        ("go module", "reflink.test/go"),
    ];
    let written = |changed: &str, value: &str| {
        let line =
            |(key, real): &(&str, &str)| format!("{key}: {}\n", if *key == changed { value } else { real });
        std::fs::write(&file, real.iter().map(line).collect::<String>()).expect("a publisher");
    };
    written("", "");
    publishes("release", &file).expect("addresses under neither .invalid nor .example");
    for (key, placeholder) in
        [("contact", "a@b.invalid"), ("homepage", "https://b.example/c"), ("go module", "b.example/reflink")]
    {
        written(key, placeholder);
        let said = publishes("release", &file).expect_err(key);
        assert!(said.contains(placeholder), "{said}");
        // And none of it is what the files say.
        publishes("check", &file).expect_err(key);
    }
}

fn abi(action: &str) {
    let output =
        Command::new(root().join("packaging/abi.sh")).arg(action).output().expect("packaging/abi.sh");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "packaging/abi.sh {action}:\n{said}");
}
