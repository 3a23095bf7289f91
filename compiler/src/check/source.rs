//! Finding the files of a program: the file itself, what it imports, the standard library.

use super::Session;
use super::report::covers;
use crate::library;
use arch_grammar::{Diagnostic, FileId, Span, ast, nearest};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Files that one program may consist of. Files may import each other, so a provider that gives every file a
/// new name must not keep this busy forever.
const MOST_FILES: usize = 200;

/// Hands source texts to the checker, which reads no files itself.
pub trait Provider {
    /// The text at `path` (`./blocks` or `../layers/blocks`, without `.arch`) as seen from the file named
    /// `from`: the name that messages show for it, and the text.
    ///
    /// # Errors
    /// A sentence that says what could not be read.
    fn read(&self, from: &str, path: &str) -> Result<(String, String), String>;

    /// The text of a file of the standard library or the zoo, where another than the one that this program
    /// carries is wanted: a checkpoint brings the library that its model was built from.
    fn library(&self, _name: &str) -> Option<String> {
        None
    }
}

/// A provider for programs of one file: every relative import is refused.
pub struct NoFiles;

impl Provider for NoFiles {
    fn read(&self, _: &str, path: &str) -> Result<(String, String), String> {
        Err(format!("`{path}` cannot be read here"))
    }
}

/// A file that was read.
pub(super) struct Loaded {
    pub name: String,
    pub id: FileId,
    /// Whether it is part of the program (`std`, the zoo) and not the user's.
    pub library: bool,
    pub ast: Rc<ast::File>,
    /// Items that are variants of what another file defines, and the file that their names are looked up in.
    pub homes: BTreeMap<usize, usize>,
    /// Names in scope at the top level: defined here or imported.
    pub scope: Vec<(String, ItemRef)>,
    /// Names whose import failed or whose item did not parse: using them says nothing more.
    pub lost: Vec<String>,
    /// For each item whether something in it did not parse, or what it is a variant of is not there.
    pub broken: Vec<bool>,
}

/// An item: the file's place in [`Session::files`], the item's place in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemRef {
    /// The file.
    pub file: usize,
    /// The item.
    pub index: usize,
}

impl Session<'_> {
    /// Reads a text and all that it imports; gives its place in `files`.
    pub(super) fn load(&mut self, name: &str, text: &str) -> usize {
        self.load_as(name, text, false)
    }

    fn load_as(&mut self, name: &str, text: &str, library: bool) -> usize {
        if let Some(i) = self.files.iter().position(|f| f.name == name) {
            return i;
        }
        let id = self.sources.add(name, text);
        let (file, diagnostics) = arch_grammar::parse(id, text);
        let index = self.files.len();
        let ast = Rc::new(file);
        let mistaken = |item: &ast::Item| {
            let span = super::static_names::span_of(item);
            diagnostics.iter().any(|d| d.is_error() && covers(span, d.primary.span))
        };
        let broken = ast.items.iter().map(mistaken).collect();
        self.diagnostics.extend(diagnostics);
        let lost = ast.lost.iter().map(|n| n.name.clone()).collect();
        let (homes, scope) = (BTreeMap::new(), Vec::new());
        self.files.push(Loaded {
            name: name.to_string(),
            id,
            library,
            ast: ast.clone(),
            homes,
            scope,
            lost,
            broken,
        });
        self.define_items(index, &ast);
        for import in &ast.imports {
            self.import(index, import);
        }
        self.resolve_variants(index);
        index
    }

    fn define_items(&mut self, file: usize, ast: &ast::File) {
        for (index, item) in ast.items.iter().enumerate() {
            let name = match item {
                ast::Item::Fn(f) => &f.name,
                ast::Item::Block(b) => &b.name,
                ast::Item::Test(_) => continue,
            };
            self.define(file, name, ItemRef { file, index });
        }
    }

    fn define(&mut self, file: usize, name: &ast::Ident, item: ItemRef) {
        if let Some((_, before)) = self.files[file].scope.iter().find(|(n, _)| *n == name.name) {
            if *before == item {
                return;
            }
            let before = self.item_name(*before).span;
            // Imports are read after the items of the file, but stand before them.
            let swap = before.file == name.span.file && before.start > name.span.start;
            let (first, again) = if swap { (name.span, before) } else { (before, name.span) };
            let d = Diagnostic::error("A0104", format!("`{}` is defined twice", name.name), again)
                .label("defined again here")
                .also(first, if swap { "imported here" } else { "first defined here" });
            self.report(if swap {
                d.help(format!("give it another name, or import the other as `{{{0} as other}}`", name.name))
            } else {
                d.help("give one of them another name")
            });
            return;
        }
        self.files[file].scope.push((name.name.clone(), item));
    }

    fn import(&mut self, file: usize, import: &ast::Import) {
        let from = self.imported_files(file, import).unwrap_or_default();
        for (name, other) in &import.names {
            let found = from.iter().find_map(|f| {
                let here = &self.files[*f];
                here.scope.iter().find(|(n, i)| *n == name.name && i.file == *f).map(|(_, i)| *i)
            });
            match found {
                Some(item) => self.define(file, other.as_ref().unwrap_or(name), item),
                None => {
                    if !from.iter().any(|f| self.is_lost(*f, &name.name)) && !from.is_empty() {
                        self.not_exported(&from, import, name);
                    }
                    self.files[file].lost.push(other.as_ref().unwrap_or(name).name.clone());
                }
            }
        }
    }

    /// Whether something in an item did not parse: it is looked at as far as it goes, and not used.
    pub(super) fn is_broken(&self, item: ItemRef) -> bool {
        self.files[item.file].broken[item.index]
    }

    /// Whether a name stands for something of which only an error is known: a broken item, a failed import.
    pub(super) fn is_lost(&self, file: usize, name: &str) -> bool {
        let file = &self.files[file];
        let unread = file.ast.edition.is_none() && file.ast.items.is_empty();
        let unnamed = file.ast.import_lost && !file.scope.iter().any(|(known, _)| known == name);
        unread || unnamed || file.lost.iter().any(|lost| lost == name)
    }

    fn not_exported(&mut self, from: &[usize], import: &ast::Import, name: &ast::Ident) {
        let names: Vec<&str> = from
            .iter()
            .flat_map(|f| self.files[*f].scope.iter().filter(|(_, i)| i.file == *f).map(|(n, _)| n.as_str()))
            .collect();
        let near = nearest(&name.name, names.iter().copied());
        let mut d =
            Diagnostic::error("A0103", format!("`{}` has no `{}`", import.path, name.name), name.span);
        d = match near {
            Some(n) => d.help(format!("did you mean `{n}`?")),
            None => d.help(format!("it has: {}", names.join(", "))),
        };
        self.report(d);
    }

    fn imported_files(&mut self, file: usize, import: &ast::Import) -> Option<Vec<usize>> {
        let path = import.path.as_str();
        if path == "std" {
            return Some(library::STD.iter().map(|(n, t)| self.load_library(n, t)).collect());
        }
        if let Some(zoo) = path.strip_prefix("zoo.") {
            if let Some((n, t)) = library::ZOO.iter().find(|(n, _)| *n == zoo) {
                return Some(vec![self.load_library(&format!("zoo/{n}.arch"), t)]);
            }
            let names: Vec<&str> = library::ZOO.iter().map(|(n, _)| *n).collect();
            let mut d = Diagnostic::error("A0102", format!("the zoo has no `{zoo}`"), import.path_span);
            d = match nearest(zoo, names.iter().copied()) {
                Some(n) => d.help(format!("did you mean `zoo.{n}`?")),
                None => d.help(format!("the zoo has: {}", names.join(", "))),
            };
            self.report(d);
            return None;
        }
        if !path.starts_with("./") && !path.starts_with("../") {
            self.report(
                Diagnostic::error(
                    "A0102",
                    format!("`{path}` is not a place to import from"),
                    import.path_span,
                )
                .help("imports are `std.{…}`, `zoo.NAME.{…}`, `./file.{…}` or `../folder/file.{…}`"),
            );
            return None;
        }
        match self.provider.read(&self.files[file].name, path) {
            Ok((name, text)) if self.files.len() < MOST_FILES => Some(vec![self.load(&name, &text)]),
            Ok(_) => {
                let text = format!("more than {MOST_FILES} files are imported");
                self.report(Diagnostic::error("A0102", text, import.path_span));
                None
            }
            Err(why) => {
                self.report(
                    Diagnostic::error("A0102", format!("`{path}` cannot be imported"), import.path_span)
                        .remark(why)
                        .help("the path is relative to this file and has no `.arch` at its end"),
                );
                None
            }
        }
    }

    /// The prelude, read on first use.
    pub(super) fn prelude(&mut self) -> usize {
        let text = library::STD.iter().find(|(n, _)| *n == library::PRELUDE).map_or("", |(_, t)| t);
        self.load_library(library::PRELUDE, text)
    }

    /// A function of the standard library, which the command line names without an import.
    pub(super) fn library_function(&mut self, name: &str) -> Option<ItemRef> {
        let marker = format!("fn {name}(");
        let (file, text) = library::STD.iter().find(|(_, t)| t.contains(&marker))?;
        let file = self.load_library(file, text);
        let (_, item) = self.files[file].scope.iter().find(|(n, i)| n == name && i.file == file)?;
        Some(*item)
    }

    fn load_library(&mut self, name: &str, own: &str) -> usize {
        let other = self.provider.library(name);
        self.load_as(name, other.as_deref().unwrap_or(own), true)
    }

    /// What a name means at the top level of a file.
    pub(super) fn lookup_item(&mut self, file: usize, name: &str) -> Option<ItemRef> {
        let of = |f: &Loaded| f.scope.iter().find(|(n, _)| n == name).map(|(_, i)| *i);
        if let Some(item) = of(&self.files[file]) {
            return Some(item);
        }
        let prelude = self.prelude();
        of(&self.files[prelude])
    }

    /// The name of an item where it is defined.
    pub(super) fn item_name(&self, item: ItemRef) -> ast::Ident {
        match &self.files[item.file].ast.items[item.index] {
            ast::Item::Fn(f) => f.name.clone(),
            ast::Item::Block(b) => b.name.clone(),
            ast::Item::Test(t) => ast::Ident { name: t.name.value.clone(), span: t.name.span },
        }
    }

    /// Whether a place is in the library and not in a file of the user's.
    pub(super) fn is_library(&self, span: Span) -> bool {
        self.files.iter().any(|f| f.library && f.id == span.file)
    }

    /// The file of a span, as an index into `files`.
    pub(super) fn file_index(&self, file: FileId) -> usize {
        self.files.iter().position(|f| f.id == file).unwrap_or(0)
    }
}
