//! Checking every item of a file.

use super::Session;
use super::made_up::MadeUp;
use super::source::ItemRef;
use arch_grammar::Diagnostic;
use arch_grammar::ast::{BlockItem, BlockKind, Item, Member};

/// How many attempts at checking a block on its own go through its `forward`.
const FULL_ATTEMPTS: usize = 24;

/// A block that no made-up sizes suited, and why the last ones did not.
struct Unchecked {
    item: ItemRef,
    reason: Diagnostic,
    sizes: Vec<(String, &'static str)>,
}

impl Session<'_> {
    pub(super) fn check_items(&mut self, file: usize, checked: &mut Vec<String>) {
        let ast = self.files[file].ast.clone();
        let asked = self.request.clone();
        let blocks = |i: &Item| matches!(i, Item::Block(b) if asked.item.as_ref() == Some(&b.name.name));
        if let Some(name) = &asked.item
            && !ast.items.iter().any(blocks)
        {
            if !self.is_lost(file, name) {
                self.asked_item(file);
            }
            return;
        }
        let mut unchecked = Vec::new();
        for (index, item) in ast.items.iter().enumerate() {
            let Item::Block(block) = item else { continue };
            if asked.item.as_ref().is_some_and(|n| *n != block.name.name) {
                continue;
            }
            let item = ItemRef { file, index };
            let told = asked.preset.is_some() || !asked.set.is_empty() || asked.item.is_some();
            let here = told && (asked.item.is_some() || block.kind == BlockKind::Model);
            if here {
                self.item_program(item);
                checked.push(block.name.name.clone());
            } else {
                self.request = super::Request::default();
                self.check_alone(item, block, checked, &mut unchecked);
                self.request = asked.clone();
            }
        }
        for u in unchecked {
            self.not_checked(u);
        }
    }

    fn check_alone(
        &mut self,
        item: ItemRef,
        block: &BlockItem,
        checked: &mut Vec<String>,
        unchecked: &mut Vec<Unchecked>,
    ) {
        let presets: Vec<&str> = block
            .members
            .iter()
            .filter_map(|m| match m {
                Member::Preset(p) => Some(p.name.name.as_str()),
                _ => None,
            })
            .collect();
        let defaults = super::config::config_decls(&block.members).iter().all(|c| c.default.is_some());
        if defaults || presets.is_empty() {
            unchecked.extend(self.attempt_item(item, block));
            checked.push(block.name.name.clone());
        }
        for preset in presets {
            self.request.preset = Some(preset.to_string());
            unchecked.extend(self.attempt_item(item, block));
            checked.push(format!("{} preset {preset}", block.name.name));
        }
    }

    /// Checks an item; with sizes made up if it has open ones. What such a size has a part in is not
    /// reported: it must come out the same with other sizes. If they do not suit the block, others are tried.
    fn attempt_item(&mut self, item: ItemRef, block: &BlockItem) -> Option<Unchecked> {
        let likely = super::made_up::likely_sizes(block);
        let (first, _) = self.with_sizes(item, MadeUp::new(0, likely.clone()));
        if first.is_empty() {
            return None;
        }
        let (second, mut sizes) = self.with_sizes(item, MadeUp::new(1, likely.clone()));
        if second.is_empty() {
            return None;
        }
        let certain: Vec<Diagnostic> = first.into_iter().filter(|d| second.contains(d)).collect();
        if !certain.is_empty() {
            self.diagnostics.extend(certain);
            return None;
        }
        let mut reason = second.into_iter().next()?;
        let mut full = 0;
        for number in 2..MadeUp::attempts(&likely) {
            self.made_up = Some(MadeUp::new(number, likely.clone()));
            if !self.suits(item, block) {
                continue;
            }
            let (found, tried) = self.with_sizes(item, MadeUp::new(number, likely.clone()));
            sizes = tried;
            // Without a word about sizes the block is checked.
            reason = found.into_iter().next()?;
            full += 1;
            if full == FULL_ATTEMPTS {
                break;
            }
        }
        self.made_up = None;
        Some(Unchecked { item, reason, sizes })
    }

    /// Checks an item with some sizes. What is certain is reported; gives what may be due to the sizes, and what
    /// they were.
    fn with_sizes(&mut self, item: ItemRef, sizes: MadeUp) -> (Vec<Diagnostic>, Vec<(String, &'static str)>) {
        let (before, known) = (self.diagnostics.len(), self.templates.len());
        self.made_up = Some(sizes);
        self.item_program(item);
        let made_up = self.made_up.take().filter(MadeUp::is_used);
        let found = self.diagnostics.split_off(before);
        let (doubtful, certain): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|d| made_up.is_some() && depends_on_sizes(d.code));
        for d in certain {
            let same = |e: &Diagnostic| e.code == d.code && e.primary.span == d.primary.span;
            if !self.diagnostics.iter().any(same) {
                self.diagnostics.push(d);
            }
        }
        if !doubtful.is_empty() {
            self.forget_templates(known);
        }
        (doubtful, made_up.map(|m| m.shown()).unwrap_or_default())
    }

    /// Says that a block could not be checked on its own, unless it was checked where another uses it.
    fn not_checked(&mut self, unchecked: Unchecked) {
        let Unchecked { item, reason, sizes } = unchecked;
        if self.templates.iter().any(|t| t.item == item && !t.built.is_empty()) {
            return;
        }
        let name = self.item_name(item);
        let title = format!("`{}` is not checked on its own", name.name);
        let mut d = Diagnostic::warning("A0907", title, name.span)
            .label("no sizes were found that suit it")
            .also(reason.primary.span, reason.title);
        for (equation, from) in sizes {
            d = d.fact(equation, from);
        }
        let text = "give sizes that do, with `--item NAME --dim D=…` and `--set name=…`, or check a model that uses it";
        self.report(d.help(text.replace("NAME", &name.name)));
    }
}

/// Codes that say something about sizes, which may not hold for sizes made up.
fn depends_on_sizes(code: &str) -> bool {
    matches!(
        code,
        "A0203"
            | "A0204"
            | "A0206"
            | "A0207"
            | "A0309"
            | "A0310"
            | "A0313"
            | "A0314"
            | "A0319"
            | "A0404"
            | "A0407"
            | "A0411"
    )
}
