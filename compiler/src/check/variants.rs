//! Variants: `model Small = DiT(depth: 6)` is the other item with other defaults, under a name of its own.

use super::Session;
use super::source::ItemRef;
use arch_grammar::ast::{BlockItem, ConfigDecl, File, Ident, Item, Member, Variant};
use arch_grammar::{Diagnostic, nearest};
use std::rc::Rc;

impl Session<'_> {
    /// Gives the variants of a file the members of what they are variants of.
    pub(super) fn resolve_variants(&mut self, file: usize) {
        let ast = self.files[file].ast.clone();
        let is_variant = |item: &Item| matches!(item, Item::Block(b) if b.variant.is_some());
        let variants: Vec<usize> = (0..ast.items.len()).filter(|i| is_variant(&ast.items[*i])).collect();
        if variants.is_empty() {
            return;
        }
        let mut resolved: File = (*ast).clone();
        for index in variants {
            match self.resolved(&ast, file, index, &mut Vec::new()) {
                Some((block, home)) => {
                    resolved.items[index] = Item::Block(block);
                    if home != file {
                        self.files[file].homes.insert(index, home);
                    }
                }
                None => self.files[file].broken[index] = true,
            }
        }
        self.files[file].ast = Rc::new(resolved);
    }

    /// The file that the names in an item's members are looked up in.
    pub(super) fn home(&self, item: ItemRef) -> usize {
        self.files[item.file].homes.get(&item.index).copied().unwrap_or(item.file)
    }

    /// A variant with the members of its base, and the file that these are written in. `way` holds the
    /// variants that led here.
    fn resolved(
        &mut self,
        ast: &File,
        file: usize,
        index: usize,
        way: &mut Vec<usize>,
    ) -> Option<(BlockItem, usize)> {
        let Item::Block(block) = &ast.items[index] else { return None };
        let Some(variant) = &block.variant else { return Some((block.clone(), file)) };
        if way.contains(&index) {
            let text = format!("`{}` is a variant of itself", block.name.name);
            let d = Diagnostic::error("A0404", text, variant.base.span);
            self.report(d.help("name the item that has the layers"));
            return None;
        }
        way.push(index);
        let base = self.base(file, &variant.base)?;
        if self.is_broken(base) {
            return None;
        }
        let (found, home) = if base.file == file {
            self.resolved(ast, file, base.index, way)?
        } else {
            let Item::Block(found) = &self.files[base.file].ast.items[base.index] else { return None };
            (found.clone(), self.home(base))
        };
        let own = BlockItem {
            docs: block.docs.clone(),
            kind: block.kind,
            name: block.name.clone(),
            span: block.span,
            variant: block.variant.clone(),
            ..found
        };
        Some((self.with_defaults(own, variant), home))
    }

    /// The item that a variant names.
    fn base(&mut self, file: usize, name: &Ident) -> Option<ItemRef> {
        let found = self.files[file].scope.iter().find(|(n, _)| *n == name.name).map(|(_, i)| *i);
        let is_block = |i: &ItemRef| matches!(self.files[i.file].ast.items[i.index], Item::Block(_));
        if let Some(item) = found.filter(is_block) {
            return Some(item);
        }
        if self.is_lost(file, &name.name) {
            return None;
        }
        let known = self.files[file].scope.iter();
        let blocks: Vec<&str> = known.filter(|(_, i)| is_block(i)).map(|(n, _)| n.as_str()).collect();
        let near = nearest(&name.name, blocks.iter().copied());
        let d = match found {
            Some(_) => Diagnostic::error("A0403", format!("`{}` is not a block", name.name), name.span)
                .label("a variant is one of a block or a model"),
            None => Diagnostic::error("A0101", format!("there is no `{}` here", name.name), name.span),
        };
        self.report(match near {
            Some(near) => d.help(format!("did you mean `{near}`?")),
            None => d.help("define it in this file, or import it"),
        });
        None
    }

    fn with_defaults(&mut self, mut block: BlockItem, variant: &Variant) -> BlockItem {
        for (name, value) in &variant.values {
            match config_of(&mut block.members, &name.name) {
                Some(config) => config.default = Some(value.clone()),
                None => {
                    let decls = super::config::config_decls(&block.members);
                    let names: Vec<&str> = decls.iter().map(|c| c.name.name.as_str()).collect();
                    let text = format!("`{}` has no config `{}`", variant.base.name, name.name);
                    let near = nearest(&name.name, names.iter().copied());
                    let d = Diagnostic::error("A0201", text, name.span);
                    self.report(match near {
                        Some(near) => d.help(format!("did you mean `{near}`?")),
                        None => d.help(format!("it has: {}", names.join(", "))),
                    });
                }
            }
        }
        block
    }
}

fn config_of<'m>(members: &'m mut [Member], name: &str) -> Option<&'m mut ConfigDecl> {
    members.iter_mut().find_map(|m| match m {
        Member::Config(c) if c.name.name == name => Some(c),
        Member::If(i) => {
            let then = config_of(&mut i.then, name);
            if then.is_some() { then } else { config_of(&mut i.otherwise, name) }
        }
        _ => None,
    })
}
