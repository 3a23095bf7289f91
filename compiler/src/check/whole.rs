//! Checking every item of a file.

use super::Session;
use super::source::ItemRef;
use arch_grammar::ast::{BlockItem, BlockKind, Item, Member};

/// How long an axis is taken to be where nobody says: divisible by much, and no size that users write.
const STANDIN: usize = 240;

impl Session<'_> {
    pub(super) fn check_items(&mut self, file: usize, checked: &mut Vec<String>) {
        let ast = self.files[file].ast.clone();
        let asked = self.request.clone();
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
                self.check_alone(item, block, checked);
                self.request = asked.clone();
            }
        }
    }

    fn check_alone(&mut self, item: ItemRef, block: &BlockItem, checked: &mut Vec<String>) {
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
            self.attempt_item(item, block);
            checked.push(block.name.name.clone());
        }
        for preset in presets {
            self.request.preset = Some(preset.to_string());
            self.attempt_item(item, block);
            checked.push(format!("{} preset {preset}", block.name.name));
        }
    }

    /// Checks an item; with sizes made up if it has open ones. What depends on such a size is not reported.
    fn attempt_item(&mut self, item: ItemRef, block: &BlockItem) {
        let before = self.diagnostics.len();
        self.standin = Some(STANDIN);
        self.made_up = false;
        self.item_program(item);
        self.standin = None;
        let _ = block;
        if self.made_up {
            let mut i = 0;
            self.diagnostics.retain(|d| {
                i += 1;
                i <= before || !depends_on_sizes(d.code)
            });
        }
    }
}

/// Codes that say something about sizes, which do not hold for sizes made up.
fn depends_on_sizes(code: &str) -> bool {
    matches!(code, "A0203" | "A0204" | "A0206" | "A0207" | "A0309" | "A0313" | "A0314" | "A0319" | "A0404")
}
