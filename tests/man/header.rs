//! Reads include/libreflink.h as far as the manual needs it: the comment at its head, and each constant, structure and
//! function with the comment before it. The header is cbindgen's, so its form is known and small.

/// A comment taken apart.
#[derive(Default)]
pub struct Comment {
    /// The first paragraph.
    pub summary: String,
    /// What follows it, up to the parameters. An item of a list is one of its own, which begins with "- ".
    pub paragraphs: Vec<String>,
    pub parameters: Vec<(String, String)>,
    /// What is said of the value returned.
    pub returns: String,
    /// The list after it: a code or several, and when they are returned.
    pub errors: Vec<String>,
    /// What follows: threads, the version that brought it.
    pub notes: Vec<String>,
}

pub struct Function {
    pub name: String,
    /// As declared, without attributes.
    pub prototype: String,
    pub comment: Comment,
}

pub struct Constant {
    /// The title of the header's part that it is in.
    pub part: String,
    pub name: String,
    /// Its number, as written.
    #[allow(dead_code)] // the manual shows none
    pub value: String,
    pub text: String,
}

pub struct Member {
    pub declaration: String,
    pub text: String,
}

pub struct Structure {
    pub name: String,
    pub text: String,
    pub members: Vec<Member>,
}

#[derive(Default)]
pub struct Header {
    /// The paragraphs at the head, without the licence, the example and the last one, which is about the file itself.
    pub head: Vec<String>,
    pub functions: Vec<Function>,
    pub constants: Vec<Constant>,
    pub structures: Vec<Structure>,
}

pub fn read(text: &str) -> Header {
    let mut header = Header { head: head(text), ..Header::default() };
    let lines: Vec<&str> = text.lines().collect();
    let mut at = 0;
    let mut comment: Vec<String> = Vec::new();
    let mut part = "";
    while at < lines.len() {
        let line = lines[at];
        if line.starts_with("/**") {
            (comment, at) = block(&lines, at);
            continue;
        }
        if let Some(title) = line.strip_prefix("/* ---- ").and_then(|rest| rest.strip_suffix(" ---- */")) {
            part = title;
        } else if let Some(define) = line.strip_prefix("#define ") {
            if !comment.is_empty() {
                let (name, value) = define.split_once(' ').expect("a name and a number");
                let text = joined(&comment);
                let (name, value) = (name.to_owned(), value.to_owned());
                header.constants.push(Constant { part: part.to_owned(), name, value, text });
            }
            comment.clear();
        } else if let Some(name) = line.strip_prefix("struct ").and_then(|rest| rest.strip_suffix(" {")) {
            let (members, end) = members(&lines, at + 1);
            header.structures.push(Structure { name: name.to_owned(), text: joined(&comment), members });
            comment.clear();
            at = end;
        } else if !comment.is_empty() && line.contains('(') {
            let (prototype, end) = declaration(&lines, at);
            let name = prototype.split('(').next().and_then(|before| before.rsplit([' ', '*']).next());
            header.functions.push(Function {
                name: name.expect("a function's name").to_owned(),
                prototype,
                comment: sections(&comment),
            });
            comment.clear();
            at = end;
        }
        at += 1;
    }
    header
}

/// The lines of the comment that begins at `at`, without its frame, and the line after it.
fn block(lines: &[&str], at: usize) -> (Vec<String>, usize) {
    let only = lines[at].trim().strip_prefix("/** ").and_then(|line| line.strip_suffix(" */"));
    if let Some(line) = only {
        return (vec![line.to_owned()], at + 1);
    }
    let mut comment = Vec::new();
    let mut at = at + 1;
    while !lines[at].trim().starts_with("*/") {
        let line = lines[at].trim_start().strip_prefix('*').expect("a comment's line");
        comment.push(line.strip_prefix(' ').unwrap_or(line).to_owned());
        at += 1;
    }
    (comment, at + 1)
}

/// A declaration that ends in a semicolon, on one line, and its last line's number.
fn declaration(lines: &[&str], at: usize) -> (String, usize) {
    let mut words = Vec::new();
    for (number, line) in lines.iter().enumerate().skip(at) {
        words.push(line.trim());
        if line.ends_with(';') {
            return (words.join(" "), number);
        }
    }
    panic!("a declaration without an end: {}", lines[at]);
}

fn members(lines: &[&str], at: usize) -> (Vec<Member>, usize) {
    let mut members = Vec::new();
    let mut at = at;
    while lines[at] != "};" {
        let (comment, after) = block(lines, at);
        let (declaration, end) = declaration(lines, after);
        members.push(Member { declaration, text: joined(&comment) });
        at = end + 1;
    }
    (members, at)
}

fn joined(comment: &[String]) -> String {
    comment.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn sections(comment: &[String]) -> Comment {
    let mut result = Comment::default();
    for paragraph in comment.split(String::is_empty) {
        let first = paragraph.first().map_or("", String::as_str);
        if first.starts_with("@param") || first.starts_with("@return") {
            for entry in entries(paragraph) {
                tagged(&entry, &mut result);
            }
        } else if result.summary.is_empty() {
            result.summary = joined(paragraph);
        } else if result.returns.is_empty() {
            result
                .paragraphs
                .extend(entries(paragraph).iter().map(|entry| joined(std::slice::from_ref(entry))));
        } else {
            result.notes.push(joined(paragraph));
        }
    }
    result
}

/// Splits a paragraph where a tag or an item of a list begins.
fn entries(paragraph: &[String]) -> Vec<String> {
    let mut entries: Vec<String> = Vec::new();
    for line in paragraph {
        if line.starts_with('@') || line.starts_with("- ") || entries.is_empty() {
            entries.push(line.clone());
        } else if let Some(last) = entries.last_mut() {
            last.push(' ');
            last.push_str(line.trim_start());
        }
    }
    entries
}

fn tagged(entry: &str, comment: &mut Comment) {
    if let Some(rest) = entry.strip_prefix("@param") {
        let (name, text) = rest.trim_start().split_once(' ').expect("a parameter and its meaning");
        comment.parameters.push((name.to_owned(), text.trim().to_owned()));
    } else if let Some(rest) = entry.strip_prefix("@return") {
        comment.returns = rest.trim().to_owned();
    } else if let Some(item) = entry.strip_prefix("- ") {
        comment.errors.push(item.to_owned());
    } else {
        panic!("neither a parameter nor a value: {entry}");
    }
}

fn head(text: &str) -> Vec<String> {
    let comment =
        text.strip_prefix("/* ").and_then(|rest| rest.split("*/").next()).expect("a comment at the head");
    let lines: Vec<String> = comment
        .lines()
        .map(|line| line.trim_start_matches(" *").strip_prefix(' ').unwrap_or("").to_owned())
        .collect();
    let paragraphs: Vec<String> = lines
        .split(String::is_empty)
        .filter(|paragraph| paragraph.first().is_some_and(|line| !line.starts_with("    ")))
        .map(joined)
        .collect();
    let last = paragraphs.len() - 1;
    assert!(paragraphs[0].starts_with("libreflink.h") && paragraphs[last].starts_with("This file"));
    paragraphs[1..last].to_vec()
}
