//! The manual is what the header and man/src say, its programs compile and run, and groff and mandoc have nothing to say
//! against it. `make man` writes it anew through this test.

mod header;
mod pages;
mod roff;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};

use libtest_mimic::{Arguments, Trial};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

struct Files;

impl pages::Sources for Files {
    fn example(&self, page: &str) -> String {
        read(&root().join(format!("man/src/{page}.c")))
    }

    fn concepts(&self) -> String {
        read(&root().join("man/src/libreflink.md"))
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn wanted() -> Vec<(String, String)> {
    pages::all(&header::read(&read(&root().join("include/libreflink.h"))), &Files)
}

fn committed() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = fs::read_dir(root().join("man"))
        .expect("man")
        .map(|entry| entry.expect("an entry of man").path())
        .filter(|path| path.is_file())
        .collect();
    pages.sort();
    pages
}

fn the_committed_pages_are_what_the_header_says() {
    let wanted = wanted();
    if std::env::var_os("REFLINK_WRITE_MAN").is_some() {
        for (name, text) in &wanted {
            fs::write(root().join("man").join(name), text).expect("man cannot be written");
        }
    }
    for (name, text) in &wanted {
        let page = fs::read_to_string(root().join("man").join(name)).unwrap_or_default();
        assert!(
            &page == text,
            "man/{name} is not what include/libreflink.h says. If the change is meant: make man"
        );
    }
    assert_eq!(committed().len(), wanted.len(), "a page in man/ that belongs to nothing");
}

fn every_function_has_a_page_with_every_section() {
    let symbols = read(&root().join("include/reflink.symbols"));
    let symbols =
        symbols.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(' ').nth(1));
    let mut pages: Vec<String> = symbols.map(|symbol| format!("{symbol}.3")).collect();
    assert!(!pages.is_empty());
    pages.push("libreflink.7".to_owned());
    for name in pages {
        let page = read(&root().join("man").join(&name));
        for section in
            ["NAME", "SYNOPSIS", "DESCRIPTION", "RETURN VALUE", "ERRORS", "NOTES", "EXAMPLES", "SEE ALSO"]
        {
            let start = format!("\n.SH {section}\n");
            let text = page.split(&start).nth(1).unwrap_or_else(|| panic!("man/{name} has no {section}"));
            assert!(!text.trim_start().starts_with(".SH"), "man/{name}: nothing under {section}");
        }
    }
}

/// A list that was taken for a paragraph shows as "text: - item - item".
fn lists_are_lists() {
    for page in committed() {
        let text = read(&page);
        let described = text
            .split("\n.SH ")
            .filter(|section| !section.starts_with("NAME") && !section.starts_with("EXAMPLES"));
        let dash =
            described.flat_map(str::lines).find(|line| line.starts_with("\\- ") || line.contains(" \\- "));
        assert!(dash.is_none(), "{}: {dash:?}", page.display());
    }
}

fn main() -> ExitCode {
    let checker = |name: &str, program: &'static str, check: fn()| {
        let here = Command::new(program).arg("--version").output().is_ok();
        if !here {
            eprintln!("SKIPPED: {name}: no {program} here");
        }
        trial(name, check).with_ignored_flag(!here)
    };
    let trials = vec![
        trial("the_committed_pages_are_what_the_header_says", the_committed_pages_are_what_the_header_says),
        trial("every_function_has_a_page_with_every_section", every_function_has_a_page_with_every_section),
        trial("lists_are_lists", lists_are_lists),
        checker("groff_has_no_warnings", "groff", groff_has_no_warnings),
        checker("mandoc_has_no_warnings", "mandoc", mandoc_has_no_warnings),
        checker("man_shows_them_without_a_warning", "man", man_shows_them_without_a_warning),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trial(name: &str, check: fn()) -> Trial {
    Trial::test(name, move || {
        check();
        Ok(())
    })
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn silent(output: &Output, what: &str) {
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.trim().is_empty(), "{what}:\n{said}");
}

fn groff_has_no_warnings() {
    for page in committed() {
        let output = run(Command::new("groff").args(["-ww", "-man", "-Tutf8", "-z"]).arg(&page));
        silent(&output, &format!("groff -ww {}", page.display()));
    }
}

fn mandoc_has_no_warnings() {
    for page in committed() {
        // Of the matters of style below a warning it would have titles in capitals, which man-pages(7) no longer has.
        let output = run(Command::new("mandoc").args(["-T", "lint", "-W", "warning"]).arg(&page));
        silent(&output, &format!("mandoc -T lint {}", page.display()));
    }
}

fn man_shows_them_without_a_warning() {
    for page in committed() {
        let mut man = Command::new("man");
        man.args(["--warnings=w", "-l"]).arg(&page);
        let output = run(man.env("LC_ALL", "C.UTF-8").env("MANWIDTH", "80").env("MANPAGER", "cat"));
        assert!(output.status.success() && output.stderr.is_empty(), "man -l {}: {output:?}", page.display());
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(shown.contains("SEE ALSO"), "man -l {} shows nothing", page.display());
    }
}
