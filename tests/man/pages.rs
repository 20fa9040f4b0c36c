//! The pages: reflink_*(3), one for each function, and libreflink(7) for what they have in common.

use crate::header::{Comment, Function, Header, Structure};
use crate::roff::{Page, escaped};

/// The day of the release the pages are of.
const DATE: &str = "2026-11-22";

/// What the pages are made from besides the header.
pub trait Sources {
    /// The program for EXAMPLES.
    fn example(&self, page: &str) -> String;
    /// Markdown with the concepts.
    fn concepts(&self) -> String;
}

/// File names and what they are to hold.
pub fn all(header: &Header, sources: &impl Sources) -> Vec<(String, String)> {
    let version = env!("CARGO_PKG_VERSION");
    let mut pages: Vec<(String, String)> = header
        .functions
        .iter()
        .map(|function| (format!("{}.3", function.name), function_page(header, function, version, sources)))
        .collect();
    pages.push(("libreflink.7".to_owned(), concepts_page(header, version, sources)));
    pages
}

fn function_page(header: &Header, function: &Function, version: &str, sources: &impl Sources) -> String {
    let comment = &function.comment;
    let mut page = Page::new(&function.name, 3, DATE, version);
    page.section("NAME");
    page.line(&format!("{} \\- {}", function.name, short(&comment.summary)));
    page.section("SYNOPSIS");
    page.line(".nf");
    page.line(".B #include <libreflink.h>");
    page.line(".PP");
    synopsis(&mut page, &function.prototype);
    page.line(".fi");
    page.paragraph("Link with -lreflink (pkg-config libreflink).");
    page.section("DESCRIPTION");
    page.paragraph(&comment.summary);
    for paragraph in &comment.paragraphs {
        match paragraph.strip_prefix("- ") {
            Some(item) => page.bullet(item),
            None => page.paragraph(paragraph),
        }
    }
    for (name, text) in &comment.parameters {
        page.item(&format!(".I {name}"), text);
    }
    if let Some(structures) = structures(&function.prototype) {
        page.paragraph(&format!("The members of {structures} are described in libreflink(7)."));
    }
    page.section("RETURN VALUE");
    page.paragraph(&returns(comment));
    page.section("ERRORS");
    errors(&mut page, comment);
    page.section("NOTES");
    for note in &comment.notes {
        page.paragraph(note);
    }
    page.section("EXAMPLES");
    page.verbatim(&sources.example(&function.name));
    see_also(&mut page, header, &function.name);
    page.finish()
}

/// "struct a, struct b and struct c": those that a function takes, and those that it gives to functions of the caller's.
fn structures(prototype: &str) -> Option<String> {
    let (words, mut names) = (prototype.split_whitespace().collect::<Vec<_>>(), Vec::new());
    for pair in words.windows(2).filter(|pair| pair[0].ends_with("struct")) {
        names.push(format!("struct {}", pair[1].trim_start_matches('*')));
    }
    let last = names.pop()?;
    Some(if names.is_empty() { last } else { format!("{} and {last}", names.join(", ")) })
}

/// "Copies a file, by trying it." as a title says it.
fn short(summary: &str) -> String {
    let mut title = summary.trim_end_matches('.').split(". ").next().unwrap_or_default().to_owned();
    if let Some(colon) = title.find(':') {
        title.truncate(colon);
    }
    // Lower case at the beginning, as in other titles.
    if let Some(first) = title.get_mut(0..1) {
        first.make_ascii_lowercase();
    }
    escaped(&title).replace("\\-", "-")
}

fn synopsis(page: &mut Page, prototype: &str) {
    let (before, parameters) = prototype.split_once('(').expect("parameters");
    let parameters: Vec<&str> = parameters.trim_end_matches(");").split(", ").collect();
    let indent = " ".repeat(before.len() + 1);
    for (number, parameter) in parameters.iter().enumerate() {
        let start = if number == 0 { format!("\\fB{}(", escaped(before)) } else { format!("{indent}\\fB") };
        let name = parameter.rfind([' ', '*']).map_or(0, |at| at + 1);
        // "void" is a type and not a name.
        let name = if *parameter == "void" { parameter.len() } else { name };
        let end = if number + 1 == parameters.len() { ");\\fP" } else { ",\\fP" };
        page.line(&format!(
            "{start}{}\\fP\\fI{}\\fP\\fB{end}",
            escaped(&parameter[..name]),
            escaped(&parameter[name..])
        ));
    }
}

fn returns(comment: &Comment) -> String {
    comment.returns.trim_end_matches(", among others:").to_owned()
        + if comment.errors.is_empty() { "" } else { "." }
}

fn errors(page: &mut Page, comment: &Comment) {
    if comment.errors.is_empty() {
        page.paragraph(
            if comment.parameters.iter().any(|(name, _)| name == "options" || name == "capability") {
                "As of the function named above. All codes are explained in libreflink(7)."
            } else {
                "None: the function cannot fail."
            },
        );
    }
    for item in &comment.errors {
        match item.split_once(": ") {
            Some((codes, text)) => page.item(&format!(".B {}", escaped(codes)), &capital(text)),
            None => page.paragraph(&capital(item)),
        }
    }
}

/// As a sentence begins; "and those of …" after a list is one too.
fn capital(text: &str) -> String {
    let text = text.strip_prefix("and ").unwrap_or(text);
    let mut text = text.to_owned();
    if let Some(first) = text.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    text
}

fn see_also(page: &mut Page, header: &Header, own: &str) {
    page.section("SEE ALSO");
    let mut names: Vec<(String, u8)> = vec![("copy_file_range".into(), 2), ("ioctl_ficlone".into(), 2)];
    names.extend(header.functions.iter().map(|function| (function.name.clone(), 3)));
    if own != "libreflink" {
        names.push(("libreflink".into(), 7));
    }
    names.retain(|(name, _)| name != own);
    let last = names.len() - 1;
    for (number, (name, section)) in names.iter().enumerate() {
        page.line(&format!(".BR {name} ({section}){}", if number == last { "" } else { "," }));
    }
}

fn concepts_page(header: &Header, version: &str, sources: &impl Sources) -> String {
    let mut page = Page::new("libreflink", 7, DATE, version);
    page.section("NAME");
    page.line("libreflink \\- copy-on-write (reflink) copies of files");
    page.section("SYNOPSIS");
    page.line(".nf");
    page.line(".B #include <libreflink.h>");
    page.line(".PP");
    page.line(".B #include <libreflink.hpp>  // C++17");
    page.line(".fi");
    page.paragraph("Link with -lreflink (pkg-config libreflink; in CMake find_package(libreflink)).");
    page.section("DESCRIPTION");
    let (titled, plain): (Vec<&String>, Vec<&String>) =
        header.head.iter().partition(|paragraph| paragraph.contains(". ") && title(paragraph).is_some());
    for paragraph in plain.iter().filter(|text| !text.starts_with("Link with")) {
        page.paragraph(&paragraph.replace(" is in libreflink(7), under", " is below, under"));
    }
    for line in sources.concepts().lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix("# ") {
            Some(heading) => page.subsection(heading),
            None => page.paragraph(line),
        }
    }
    constants(&mut page, header);
    for structure in &header.structures {
        structure_section(&mut page, structure);
    }
    page.section("RETURN VALUE");
    notes(&mut page, &titled, |name| name == "Return values");
    page.section("ERRORS");
    page.paragraph("The codes of the system are those of errno(3). The library's own are:");
    for constant in header.constants.iter().filter(|constant| constant.name.starts_with("REFLINK_ERR_")) {
        page.item(&format!(".B {}", constant.name), &constant.text);
    }
    page.section("NOTES");
    notes(&mut page, &titled, |name| name != "Return values");
    page.section("EXAMPLES");
    page.verbatim(&sources.example("libreflink"));
    page.section("REPORTING BUGS");
    page.paragraph(concat!("The project is at ", env!("CARGO_PKG_HOMEPAGE"), "."));
    see_also(&mut page, header, "libreflink");
    page.finish()
}

/// "Threads and signals. There is …": a title at the head of a paragraph is short and has no verb.
fn title(paragraph: &str) -> Option<(&str, &str)> {
    ["Return values", "Structures", "Ownership", "Threads and signals"]
        .into_iter()
        .find_map(|title| Some((title, paragraph.strip_prefix(title)?.strip_prefix(". ")?)))
}

fn notes(page: &mut Page, paragraphs: &[&String], wanted: impl Fn(&str) -> bool) {
    for (name, text) in
        paragraphs.iter().filter_map(|paragraph| title(paragraph)).filter(|(name, _)| wanted(name))
    {
        if name == "Return values" {
            page.paragraph(text);
        } else {
            page.item(&format!(".B {name}"), text);
        }
    }
}

fn constants(page: &mut Page, header: &Header) {
    let mut part = "";
    let own = |name: &str| name.starts_with("REFLINK_ERR_") || name.starts_with("REFLINK_VERSION_");
    for constant in header.constants.iter().filter(|constant| !own(&constant.name)) {
        if constant.part != part {
            part = &constant.part;
            page.subsection(&format!("Constants ({part})"));
        }
        page.item(&format!(".B {}", constant.name), &constant.text);
    }
}

fn structure_section(page: &mut Page, structure: &Structure) {
    page.subsection(&format!("struct {}", structure.name));
    page.paragraph(&structure.text);
    for member in &structure.members {
        page.item(&format!(".B {}", escaped(&member.declaration)), &member.text);
    }
}
