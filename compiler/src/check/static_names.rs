//! Names, wherever they stand: unknown ones also in branches that are not taken and in items that nothing
//! uses, and definitions that nothing uses.

use super::Session;
use super::config::config_decls;
use super::events::{Event, events};
use super::foreign::way_out;
use super::report::covers;
use super::source::ItemRef;
use arch_grammar::ast::{BlockItem, ConfigType, ConfigTypeKind, File, Ident, Item};
use arch_grammar::{Diagnostic, Span, nearest};
use rustc_hash::FxHashSet;
use std::rc::Rc;

impl Session<'_> {
    /// Checks the names of the user's files. What the evaluating walk found is not said again.
    pub(super) fn check_names(&mut self) {
        let files: Vec<usize> = (0..self.files.len()).filter(|f| !self.files[*f].library).collect();
        for file in files {
            let ast = self.files[file].ast.clone();
            for (index, item) in ast.items.iter().enumerate() {
                self.check_writing(item);
                // What did not parse may have declared names.
                let broken = self.is_broken(ItemRef { file, index });
                if !matches!(item, Item::Test(_)) && !broken {
                    self.unknown_in(file, index, item);
                }
            }
            for item in &ast.items {
                if !self.has_error_in(span_of(item)) {
                    self.unused_lets(item);
                    if let Item::Block(block @ BlockItem { variant: None, .. }) = item {
                        self.unused_configs(file, item, block);
                    }
                }
            }
            self.unused_imports(file, &ast);
        }
    }

    fn has_error_in(&self, span: Span) -> bool {
        self.diagnostics.iter().any(|d| d.is_error() && covers(span, d.primary.span))
    }

    /// Reports a static finding unless the place already has an error.
    fn report_new(&mut self, d: Diagnostic) -> bool {
        let at = d.primary.span;
        let new = !self.diagnostics.iter().any(|e| e.is_error() && e.primary.span == at);
        if new {
            self.report(d);
        }
        new
    }

    /// Whether the walk is to report an unknown name. If an error came before, the name may not have been
    /// declared because of it.
    pub(super) fn is_to_be_reported(&mut self, name: &str, span: Span) -> bool {
        let reported = !self.is_astray() && self.is_first_unknown(name, span);
        if !reported {
            self.unknown_because_of_an_error();
        }
        reported
    }

    /// Whether an unknown name is met for the first time in its item: each is reported once.
    fn is_first_unknown(&mut self, name: &str, span: Span) -> bool {
        let file = self.file_index(span.file);
        let items = &self.files[file].ast.items;
        let item = items.iter().position(|item| covers(span_of(item), span));
        self.unknown.insert((file, item, name.to_string()))
    }

    fn unknown_in(&mut self, file: usize, index: usize, item: &Item) {
        let mut declared: FxHashSet<&str> = FxHashSet::default();
        events(item, &mut |e| match e {
            Event::Declare(n) => _ = declared.insert(n),
            Event::Let(n) => _ = declared.insert(&n.name),
            _ => {}
        });
        let global = self.global_names(file);
        let mut unknown: Vec<(String, Span, bool)> = Vec::new();
        events(item, &mut |e| {
            let (name, span, axis) = match e {
                Event::Use(n, s) | Event::Braced(n, s) => (n, s, false),
                Event::Axis(n, s) => (n, s, true),
                _ => return,
            };
            if !declared.contains(name) && (axis || !global.contains(name) && !self.is_lost(file, name)) {
                unknown.push((name.to_string(), span, axis));
            }
        });
        for (name, span, axis) in unknown {
            let names = declared.iter().copied().chain(global.iter().map(|g| &**g));
            let mut names: Vec<&str> = names.collect();
            names.sort_unstable();
            let near = nearest(&name, names.iter().copied()).map(str::to_string);
            let d = if axis {
                Diagnostic::error("A0316", format!("there is no axis `{name}` here"), span)
            } else {
                Diagnostic::error("A0101", format!("there is no `{name}` here"), span).label("not known")
            };
            let d = self.known_elsewhere(d, &name, near);
            if !self.unknown.contains(&(file, Some(index), name.clone())) && self.report_new(d) {
                self.is_first_unknown(&name, span);
            }
        }
    }

    /// Says where a name can be had, or which one was meant.
    pub(super) fn known_elsewhere(&mut self, d: Diagnostic, name: &str, near: Option<String>) -> Diagnostic {
        let marker = format!("block {name}(");
        if crate::library::STD.iter().any(|(_, t)| t.contains(&marker)) {
            return d.help(format!("`{name}` is in the standard library: `import std.{{{name}}}`"));
        }
        match (way_out(name), near) {
            (Some(way_out), _) => d.help(way_out),
            (None, Some(near)) => d.help(format!("did you mean `{near}`?")),
            (None, None) => d,
        }
    }

    /// What is known everywhere in a file: its items and imports, the prelude, operations, choices.
    fn global_names(&mut self, file: usize) -> FxHashSet<Rc<str>> {
        let prelude = self.prelude();
        let mut names: FxHashSet<Rc<str>> = super::builtin::NAMES.iter().map(|n| Rc::from(*n)).collect();
        for f in [file, prelude] {
            names.extend(self.files[f].scope.iter().map(|(n, _)| Rc::from(n.as_str())));
        }
        let blocks = self.files.iter().flat_map(|f| &f.ast.items).filter_map(|i| match i {
            Item::Block(b) => Some(b),
            _ => None,
        });
        for config in blocks.flat_map(|b| config_decls(&b.members)) {
            let mut add = |words: &[Ident]| names.extend(words.iter().map(|w| Rc::from(w.name.as_str())));
            choice_words(&config.ty, &mut add);
        }
        names
    }

    fn unused_lets(&mut self, item: &Item) {
        let mut scopes: Vec<Vec<(&Ident, bool)>> = vec![Vec::new()];
        let mut unused: Vec<&Ident> = Vec::new();
        events(item, &mut |e| match e {
            Event::Open => scopes.push(Vec::new()),
            Event::Close => {
                let scope = scopes.pop().unwrap_or_default();
                unused.extend(scope.into_iter().filter(|(_, used)| !used).map(|(n, _)| n));
            }
            Event::Let(name) => {
                if let Some(scope) = scopes.last_mut() {
                    scope.push((name, false));
                }
            }
            Event::Use(name, _) | Event::Braced(name, _) => {
                let all = scopes.iter_mut().rev().flat_map(|s| s.iter_mut().rev());
                if let Some((_, used)) = all.into_iter().find(|(n, _)| n.name == name) {
                    *used = true;
                }
            }
            // What a layer is given depends on its block.
            Event::PassOn(_) => scopes.iter_mut().flatten().for_each(|(_, used)| *used = true),
            _ => {}
        });
        for name in unused.into_iter().filter(|n| !n.name.starts_with('_')) {
            let d = Diagnostic::warning("A0904", format!("`{}` is never used", name.name), name.span)
                .label("bound here and not looked at again");
            self.report(d.help(format!("remove it, or call it `_{}` if that is meant", name.name)));
        }
    }

    fn unused_configs(&mut self, file: usize, item: &Item, block: &BlockItem) {
        let mut used: FxHashSet<Rc<str>> = FxHashSet::default();
        let mut layers: Vec<&str> = Vec::new();
        events(item, &mut |e| match e {
            Event::Use(n, _) | Event::Braced(n, _) => _ = used.insert(n.into()),
            Event::PassOn(layer) => layers.push(layer),
            _ => {}
        });
        // What only a layer is given is used if the layer's block has it.
        for layer in layers.into_iter().filter(|l| *l != block.name.name) {
            let Some(other) = self.lookup_item(file, layer) else { continue };
            if let Item::Block(other) = &self.files[other.file].ast.items[other.index] {
                used.extend(config_decls(&other.members).iter().map(|c| Rc::from(c.name.name.as_str())));
            }
        }
        for config in config_decls(&block.members) {
            let name = &config.name;
            let ignored = config.attributes.iter().any(|a| a.name.name == "ignored");
            if !used.contains(name.name.as_str()) && !name.name.starts_with('_') && !ignored {
                let text = format!("config `{}` of `{}` is never used", name.name, block.name.name);
                let d = Diagnostic::warning("A0906", text, name.span).label("setting it changes nothing");
                self.report(d.help("use it or remove it; `@ignored` accepts what only other programs need"));
            }
        }
    }

    fn unused_imports(&mut self, file: usize, ast: &File) {
        let id = self.files[file].id;
        if self.diagnostics.iter().any(|d| d.is_error() && d.primary.span.file == id) {
            return;
        }
        let mut used: FxHashSet<&str> = FxHashSet::default();
        for item in &ast.items {
            events(item, &mut |e| {
                if let Event::Use(n, _) = e {
                    used.insert(n);
                }
            });
        }
        for (name, other) in ast.imports.iter().flat_map(|i| &i.names) {
            let shown = other.as_ref().unwrap_or(name);
            if !used.contains(shown.name.as_str()) {
                let text = format!("`{}` is imported and never used", shown.name);
                let d = Diagnostic::warning("A0905", text, shown.span).label("not used in this file");
                self.report(d.help("remove it from the import"));
            }
        }
    }
}

fn choice_words(ty: &ConfigType, add: &mut dyn FnMut(&[Ident])) {
    match &ty.kind {
        ConfigTypeKind::OneOf(words) => add(words),
        ConfigTypeKind::Optional(t) | ConfigTypeKind::List(t) => choice_words(t, add),
        ConfigTypeKind::Named(_) => {}
    }
}

/// The place of an item.
pub(super) fn span_of(item: &Item) -> Span {
    match item {
        Item::Fn(f) => f.span,
        Item::Block(b) => b.span,
        Item::Test(t) => t.span,
    }
}
