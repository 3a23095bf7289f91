//! Checking every item of a file.

use super::Session;
use super::source::ItemRef;
use arch_grammar::ast::{BlockItem, BlockKind, Item, Member};

/// How long an axis is taken to be where nobody says: divisible by much, and no size that users write.
pub(super) const STANDIN: usize = 240;
/// Another such size.
const OTHER_STANDIN: usize = 480;

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
            self.attempt_item(item);
            checked.push(block.name.name.clone());
        }
        for preset in presets {
            self.request.preset = Some(preset.to_string());
            self.attempt_item(item);
            checked.push(format!("{} preset {preset}", block.name.name));
        }
    }

    /// Checks an item; with sizes made up if it has open ones. What such a size has a part in is not
    /// reported: it must come out the same with other sizes.
    fn attempt_item(&mut self, item: ItemRef) {
        let before = self.diagnostics.len();
        self.standin = Some(STANDIN);
        self.made_up = false;
        self.item_program(item);
        if self.made_up {
            let found = self.diagnostics.split_off(before);
            let (doubtful, certain): (Vec<_>, Vec<_>) =
                found.into_iter().partition(|d| depends_on_sizes(d.code));
            self.diagnostics.extend(certain);
            if !doubtful.is_empty() {
                let before = self.diagnostics.len();
                self.standin = Some(OTHER_STANDIN);
                self.item_program(item);
                let again = self.diagnostics.split_off(before);
                self.diagnostics.extend(doubtful.into_iter().filter(|d| again.contains(d)));
            }
        }
        self.standin = None;
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
            | "A0411"
    )
}
