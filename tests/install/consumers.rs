//! Programs of others, built against the installation by pkg-config and by CMake, shared and static, and run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::fixture::{
    self, Installation, Outcome, Scratch, Test, check, command, done, installation, root, version,
};

const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

struct Language {
    name: &'static str,
    /// For C and C++, of gcc and of clang.
    compilers: [&'static str; 2],
    flags: &'static [&'static str],
    sources: &'static [&'static str],
}

const LANGUAGES: [Language; 4] = [
    Language {
        name: "c99",
        compilers: ["gcc", "clang"],
        flags: &["-std=c99", "-D_POSIX_C_SOURCE=200809L"],
        sources: &["consumer_use.c"],
    },
    Language {
        name: "cpp11",
        compilers: ["g++", "clang++"],
        flags: &["-std=c++11", "-xc++"],
        sources: &["consumer_use.c"],
    },
    Language {
        name: "wrapper_cpp17",
        compilers: ["g++", "clang++"],
        flags: &["-std=c++17", "-Wshadow", "-Wconversion"],
        sources: &["consumer_wrapper.cpp", "consumer_wrapper_twice.cpp"],
    },
    Language {
        name: "wrapper_cpp20",
        compilers: ["g++", "clang++"],
        flags: &["-std=c++20", "-Wshadow", "-Wconversion"],
        sources: &["consumer_wrapper.cpp", "consumer_wrapper_twice.cpp"],
    },
];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Shared,
    Static,
}

pub fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for language in &LANGUAGES {
        for compiler in language.compilers {
            for (kind, name) in [(Kind::Shared, "shared"), (Kind::Static, "static")] {
                let name = format!("pkg_config_{name}_{}_{compiler}", language.name);
                tests.push(fixture::test(name, &["make", "cc", "pkg-config", compiler], move || {
                    pkg_config(language, compiler, kind)
                }));
            }
        }
    }
    for (c, cpp) in [("gcc", "g++"), ("clang", "clang++")] {
        tests.push(fixture::test(format!("cmake_{c}"), &["make", "cmake", c, cpp], move || cmake(c, cpp)));
        tests.push(fixture::test(format!("two_rust_libraries_{c}"), &["make", "rustc", c], move || {
            two_rust(c, &[])
        }));
    }
    tests.push(fixture::test("two_rust_libraries_lld", &["make", "rustc", "gcc", "ld.lld"], || {
        two_rust("gcc", &["-fuse-ld=lld"])
    }));
    tests.push(fixture::test("dlopen_in_a_loop_from_threads", &["make", "cc"], dlopen));
    tests.push(fixture::test("structures_of_the_first_release", &["make", "cc"], sizes));
    tests.push(fixture::test("moved_tree", &["make", "cc", "pkg-config"], moved));
    tests.push(fixture::test("fully_static_program", &["make", "cc", "pkg-config"], fully_static));
    tests.push(fixture::test("programs_of_the_manual", &["make", "cc"], manual));
    tests
}

fn source(name: &str) -> PathBuf {
    root().join("tests/c").join(name)
}

fn flags_of(installation: &Installation, question: &[&str]) -> Result<Vec<String>, String> {
    let mut pkg_config = command("pkg-config");
    pkg_config.args(question).arg("libreflink");
    pkg_config.env("PKG_CONFIG_LIBDIR", installation.libdir().join("pkgconfig"));
    Ok(done(&mut pkg_config)?.split_whitespace().map(str::to_owned).collect())
}

/// Runs a consumer in a directory of its own; with the shared library it must load the one that was installed.
fn run(program: &Path, scratch: &Scratch, more: &[&Path]) -> Result<String, String> {
    let work = scratch.directory("work");
    let mut consumer = command(program);
    consumer.arg(&work).args(more).env("LD_LIBRARY_PATH", installation()?.libdir());
    let said = done(&mut consumer);
    let _ = std::fs::remove_dir_all(&work);
    said
}

fn compile(compiler: &str, out: &Path) -> Command {
    let mut compile = command(compiler);
    compile.args(STRICT).arg("-o").arg(out);
    compile
}

fn pkg_config(language: &Language, compiler: &str, kind: Kind) -> Outcome {
    let installation = installation()?;
    let scratch = Scratch::new(language.name);
    let program = scratch.0.join("program");
    let mut compile = compile(compiler, &program);
    compile.args(language.flags);
    compile.args(flags_of(installation, &["--cflags"])?);
    compile.args(language.sources.iter().map(|name| source(name)));
    let libs = match kind {
        Kind::Shared => flags_of(installation, &["--libs"])?,
        // As programs do that prefer an archive where both are there.
        Kind::Static => flags_of(installation, &["--static", "--libs"])?
            .into_iter()
            .map(|flag| if flag == "-lreflink" { "-l:libreflink.a".to_owned() } else { flag })
            .collect(),
    };
    compile.args(libs);
    done(&mut compile)?;
    linked_as(&program, kind)?;
    let said = run(&program, &scratch, &[])?;
    check(said == format!("libreflink {}\n", version()), || said)
}

fn linked_as(program: &Path, kind: Kind) -> Outcome {
    let dynamic = done(command("readelf").arg("-dW").arg(program))?;
    let shared = dynamic.contains("[libreflink.so.0]");
    check(shared == (kind == Kind::Shared), || format!("not linked as asked for:\n{dynamic}"))?;
    if kind == Kind::Shared {
        let versions = done(command("readelf").arg("-VW").arg(program))?;
        check(versions.contains("LIBREFLINK_0.1"), || "the program asks for no version".to_owned())?;
    }
    Ok(())
}

fn cmake(c: &str, cpp: &str) -> Outcome {
    let installation = installation()?;
    let scratch = Scratch::new("cmake");
    let build = scratch.0.join("build");
    let mut configure = command("cmake");
    configure.arg("-S").arg(source("consumer_cmake")).arg("-B").arg(&build);
    configure.arg(format!("-DCMAKE_PREFIX_PATH={}", installation.prefix.display()));
    configure.arg(format!("-DEXPECTED_VERSION={}", version()));
    configure.args([format!("-DCMAKE_C_COMPILER={c}"), format!("-DCMAKE_CXX_COMPILER={cpp}")]);
    done(&mut configure)?;
    done(command("cmake").arg("--build").arg(&build))?;
    for (name, kind) in [("shared", Kind::Shared), ("static", Kind::Static), ("reflink", Kind::Shared)] {
        for program in [format!("use_{name}"), format!("wrapper_{name}")] {
            let program = build.join(program);
            linked_as(&program, kind)?;
            run(&program, &scratch, &[])?;
        }
    }
    Ok(())
}

/// Another library made in Rust, with link-time optimisation, which is where rustc's own archives collide. Made once: it takes
/// some seconds.
fn other_rust() -> Result<&'static Path, String> {
    static OTHER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let other = OTHER.get_or_init(|| {
        let other = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libother.a");
        let mut rustc = command("rustc");
        rustc.args(["--edition=2024", "--crate-type=staticlib", "-Copt-level=2", "-Clto=fat", "-o"]);
        done(rustc.arg(&other).arg(source("consumer_two.rs")))?;
        Ok(other)
    });
    other.as_deref().map_err(Clone::clone)
}

/// Without -Wl,--allow-multiple-definition.
fn two_rust(compiler: &str, flags: &[&str]) -> Outcome {
    let installation = installation()?;
    let other = other_rust()?;
    let scratch = Scratch::new("two");
    let program = scratch.0.join("program");
    let mut compile = compile(compiler, &program);
    compile.args(flags).args(flags_of(installation, &["--cflags"])?).arg(source("consumer_two.c"));
    compile.arg(installation.libdir().join("libreflink.a")).arg(other).args(["-lpthread", "-ldl", "-lm"]);
    // In the other order too.
    done(&mut compile)?;
    let _ = run(&program, &scratch, &[])?;
    let mut compile = self::compile(compiler, &program);
    compile.args(flags).args(flags_of(installation, &["--cflags"])?).arg(source("consumer_two.c"));
    compile.arg(other).arg(installation.libdir().join("libreflink.a")).args(["-lpthread", "-ldl", "-lm"]);
    done(&mut compile)?;
    run(&program, &scratch, &[]).map(drop)
}

fn dlopen() -> Outcome {
    let installation = installation()?;
    let scratch = Scratch::new("dlopen");
    let program = scratch.0.join("program");
    let mut compile = compile("cc", &program);
    compile.args(["-std=c99", "-D_POSIX_C_SOURCE=200809L"]).args(flags_of(installation, &["--cflags"])?);
    done(compile.arg(source("consumer_dlopen.c")).args(["-lpthread", "-ldl"]))?;
    run(&program, &scratch, &[&installation.shared()]).map(drop)
}

fn sizes() -> Outcome {
    let installation = installation()?;
    let scratch = Scratch::new("sizes");
    let program = scratch.0.join("program");
    let mut compile = compile("cc", &program);
    compile.args(["-std=c99", "-D_DEFAULT_SOURCE"]).args(flags_of(installation, &["--cflags"])?);
    done(compile.arg(source("consumer_sizes.c")).args(flags_of(installation, &["--libs"])?))?;
    run(&program, &scratch, &[]).map(drop)
}

/// The tree under another prefix: CMake's package finds its way, pkg-config with --define-prefix does.
fn moved() -> Outcome {
    let installed = installation()?;
    let scratch = Scratch::new("moved");
    let prefix = scratch.0.join("there");
    done(command("cp").arg("-a").arg(&installed.prefix).arg(&prefix))?;
    let mut pkg_config = command("pkg-config");
    // The .pc file's directory is PREFIX/lib/pkgconfig for pkg-config, so that a multiarch one needs the variable.
    pkg_config.arg(format!("--define-variable=prefix={}", prefix.display())).args([
        "--cflags",
        "--libs",
        "libreflink",
    ]);
    pkg_config.env("PKG_CONFIG_LIBDIR", prefix.join("lib/multi-arch/pkgconfig"));
    let flags = done(&mut pkg_config)?;
    check(!flags.contains(&installed.prefix.display().to_string()), || format!("not moved: {flags}"))?;
    if fixture::is_here("cmake") {
        let mut configure = command("cmake");
        configure.arg("-S").arg(source("consumer_cmake")).arg("-B").arg(scratch.0.join("build"));
        configure.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display()));
        done(configure.arg(format!("-DEXPECTED_VERSION={}", version())))?;
        let cache =
            std::fs::read_to_string(scratch.0.join("build/CMakeCache.txt")).map_err(|e| e.to_string())?;
        check(!cache.contains(&installed.prefix.display().to_string()), || {
            "CMake found the old place".to_owned()
        })?;
    } else {
        println!("SKIPPED: CMake's part: no cmake here");
    }
    Ok(())
}

fn fully_static() -> Outcome {
    let installation = installation()?;
    let scratch = Scratch::new("static");
    let program = scratch.0.join("program");
    let mut compile = compile("cc", &program);
    compile
        .args(["-static", "-std=c99", "-D_POSIX_C_SOURCE=200809L"])
        .args(flags_of(installation, &["--cflags"])?);
    compile.arg(source("consumer_use.c")).args(flags_of(installation, &["--static", "--libs"])?);
    done(&mut compile)?;
    run(&program, &scratch, &[]).map(drop)
}

/// Each program under EXAMPLES compiles, and those that need no arguments run.
fn manual() -> Outcome {
    let installation = installation()?;
    let scratch = Scratch::new("manual");
    let mut compiled = 0;
    for entry in std::fs::read_dir(root().join("man/src")).map_err(|error| error.to_string())?.flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "c") {
            continue;
        }
        let program = scratch.0.join("program");
        let mut compile = compile("cc", &program);
        compile.arg("-std=c99").arg("-D_POSIX_C_SOURCE=200809L").args(flags_of(installation, &["--cflags"])?);
        done(compile.arg(&path).args(flags_of(installation, &["--libs"])?))?;
        compiled += 1;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let work = scratch.directory(&name);
        std::fs::write(work.join("a"), "bytes").map_err(|error| error.to_string())?;
        std::fs::write(work.join("end"), "").map_err(|error| error.to_string())?;
        std::fs::create_dir(work.join("d")).map_err(|error| error.to_string())?;
        let arguments: &[&str] = match name.as_str() {
            "libreflink"
            | "reflink_copy_file"
            | "reflink_describe"
            | "reflink_errno"
            | "reflink_method_text"
            | "reflink_step_text" => &["a", "b"],
            "reflink_copy_file_at" => &[".", "a", "d"],
            "reflink_copy_range" => &["a", "end"],
            "reflink_copy_tree" => &["d", "e"],
            "reflink_copy_tree_at" => &[".", "e", "d"],
            "reflink_extents" => &["a"],
            "reflink_probe_fd" => &["a", "d"],
            "reflink_reason_text" | "reflink_remove_tree" => &["d"],
            "reflink_remove_tree_at" => &[".", "d"],
            // They clone or fail, and here may be no file system that clones; or their status is the answer.
            "reflink_clone_refused"
            | "reflink_copy_fd"
            | "reflink_dedupe_fd"
            | "reflink_dedupe_range"
            | "reflink_shared" => continue,
            _ => &[],
        };
        done(
            command(&program)
                .current_dir(&work)
                .args(arguments)
                .env("LD_LIBRARY_PATH", installation.libdir()),
        )?;
        let copy = match name.as_str() {
            "libreflink"
            | "reflink_copy_file"
            | "reflink_describe"
            | "reflink_errno"
            | "reflink_method_text" => "b",
            "reflink_copy_file_at" => "d/a",
            "reflink_copy_range" => "end",
            _ => continue,
        };
        let bytes = std::fs::read(work.join(copy)).map_err(|error| format!("{name}: {error}"))?;
        check(bytes == b"bytes", || format!("{name}: {bytes:?}"))?;
    }
    check(compiled > 10, || format!("{compiled} programs only"))
}
