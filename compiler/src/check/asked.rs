//! What a request asks for: an item, and sizes from outside.

use super::Session;
use super::source::ItemRef;
use arch_grammar::ast::{self, BlockKind, ExprKind, ParamKind};
use arch_grammar::{Diagnostic, Span, nearest};

impl Session<'_> {
    /// Whether axes can have the sizes that are given from outside; reports those that none can have.
    pub(super) fn asked_dims(&mut self, file: usize) -> bool {
        let errors = self.error_count();
        let place = Span::new(self.file_id(file), 0, 0);
        for (name, size) in self.request.dims.clone() {
            if size == 0 || size > super::report::LONGEST {
                let text = format!("axis `{name}` cannot be {size} long");
                let from = format!("from the command line (--dim {name}={size})");
                let d = Diagnostic::error("A0207", text, place).fact(format!("{name} = {size}"), from);
                self.report(d.help("sizes are at least 1 and below 4,294,967,296"));
            }
        }
        self.error_count() == errors
    }

    pub(super) fn asked_item(&mut self, file: usize) -> Option<ItemRef> {
        let ast = self.files[file].ast.clone();
        let end = ast.items.last().map_or(Span::default(), |_| Span::new(self.file_id(file), 0, 0));
        let blocks: Vec<(usize, &ast::BlockItem)> = ast
            .items
            .iter()
            .enumerate()
            .filter_map(|(i, item)| match item {
                ast::Item::Block(b) => Some((i, b)),
                _ => None,
            })
            .collect();
        let of_kind = |variants: bool| {
            let models = blocks.iter().filter(|(_, b)| b.kind == BlockKind::Model);
            models.filter(|(_, b)| b.variant.is_some() == variants).map(|(i, _)| *i).collect::<Vec<_>>()
        };
        // A model with variants is one model, and it is the one that is meant.
        let own = of_kind(false);
        let models = if own.is_empty() { of_kind(true) } else { own };
        let names = || blocks.iter().map(|(_, b)| b.name.name.as_str()).collect::<Vec<_>>();
        if let Some(name) = self.request.item.clone() {
            if let Some((index, _)) = blocks.iter().find(|(_, b)| b.name.name == name) {
                return Some(ItemRef { file, index: *index });
            }
            let d = Diagnostic::error("A0108", format!("this file has no model or block `{name}`"), end);
            let d = match nearest(&name, names()) {
                Some(n) => d.help(format!("did you mean `{n}`?")),
                None => d.help(format!("it has: {}", names().join(", "))),
            };
            self.report(d);
            return None;
        }
        let only = match (&models[..], &blocks[..]) {
            ([index], _) => Some(*index),
            ([], [(index, _)]) => Some(*index),
            _ => None,
        };
        if let Some(index) = only {
            return Some(ItemRef { file, index });
        }
        let d = if blocks.is_empty() {
            Diagnostic::error("A0108", "this file has no model or block", end)
        } else {
            Diagnostic::error("A0109", "which item is meant is not said", end)
                .help(format!("choose one with `--item`: {}", names().join(", ")))
        };
        self.report(d);
        None
    }

    /// Sizes of open axes from the inputs that will come: each name of a signature takes the size at its
    /// place. Sizes that are known otherwise are held against the inputs when these are read.
    pub(super) fn sizes_from_inputs(&mut self, block: &ast::BlockItem) {
        let forward = block.members.iter().find_map(|m| match m {
            ast::Member::Forward(f) => Some(f),
            _ => None,
        });
        for param in forward.iter().flat_map(|f| &f.params) {
            let ParamKind::Tensor(shape) = &param.kind else { continue };
            let Some((_, sizes)) = self.request.shapes.iter().find(|(n, _)| *n == param.name.name) else {
                continue;
            };
            if sizes.len() != shape.axes.len() {
                continue;
            }
            for (entry, size) in shape.axes.iter().zip(sizes) {
                if let ExprKind::Name(name) | ExprKind::Spread(ast::Ident { name, .. }) = &entry.kind {
                    self.dims.entry(name.clone()).or_insert(*size);
                }
            }
        }
    }
}
