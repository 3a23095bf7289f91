//! Files and items.

use pest::iterators::Pair;

use super::{Build, Parser, Rule, mistakes};
use crate::ast::{
    AxisParam, BlockItem, BlockKind, Body, Edition, File, FnItem, Ident, Import, Item, StrLit, TestItem,
    Variant,
};
use crate::diagnostic::Diagnostic;
use crate::scan::TokenKind;
use crate::split::{Level, split};

/// The only edition there is.
const EDITION: i64 = 2026;

impl Parser<'_> {
    pub(super) fn file(&mut self) -> File {
        let mut file = File::default();
        let count = self.source.tokens.tokens.len();
        for part in split(&self.source, Level::Items, 0, count) {
            self.item(&mut file, part);
        }
        self.check_edition(&mut file, count);
        file
    }

    fn check_edition(&mut self, file: &mut File, count: usize) {
        if count == 0 {
            let problem = Diagnostic::error("A0016", "the file is empty", self.source.span(0, 0))
                .label("an edition was expected here")
                .help("a file begins with `edition 2026`, then come imports, functions, blocks and models");
            self.problems.push(problem);
        } else if file.edition.is_none()
            && self.source.word(0) != "edition"
            && mistakes::ITEM_WORDS.contains(&self.source.word(0))
        {
            // Before anything else it may be the edition that is misspelt, which was said.
            let first = self.source.span(0, 1);
            let problem = Diagnostic::error("A0013", "the edition is missing", first)
                .label("`edition 2026` must stand before this")
                .help("the edition says by which rules the file is read, so that it still means the same in years");
            self.problems.push(problem);
        }
    }

    fn item(&mut self, file: &mut File, part: (usize, usize)) {
        if !mistakes::ITEM_WORDS.contains(&self.source.word(part.0)) {
            let misspelt = mistakes::is_misspelt_item(&self.source, part.0);
            if !self.source.tokens.is_touched(part.0, part.1) && (misspelt || !self.adrift) {
                self.problems.push(mistakes::no_item(&self.source, part.0));
            }
            if misspelt && self.source.kind(part.0 + 1) == Some(TokenKind::Word) {
                file.lost.push(self.source.ident(part.0 + 1));
            }
            self.adrift = true;
            return;
        }
        let rule = match self.source.word(part.0) {
            "edition" => Rule::edition,
            "import" => Rule::import,
            "fn" => Rule::fn_item,
            "test" => Rule::test_item,
            _ if self.source.word(part.0 + 2) == "=" => Rule::variant_item,
            _ => Rule::block_item,
        };
        let first = file.edition.is_none() && file.imports.is_empty() && file.items.is_empty();
        if rule == Rule::edition && !first || rule == Rule::import && !file.items.is_empty() {
            self.problems.push(mistakes::out_of_order(&self.source, part, file.edition.is_some()));
        }
        match rule {
            Rule::edition => {
                file.docs = self.source.tokens.docs_before(self.source.text, part.0);
                let edition = self.parse(rule, part, |build, pair| build.edition(pair));
                file.edition = file.edition.take().or(edition);
            }
            Rule::import => match self.parse(rule, part, |build, pair| build.import(pair)) {
                Some(import) => file.imports.push(import),
                None => {
                    file.import_lost = true;
                    let words =
                        (part.0 + 1..part.1).filter(|&i| self.source.kind(i) == Some(TokenKind::Word));
                    file.lost.extend(words.map(|index| self.source.ident(index)));
                }
            },
            _ => {
                let item = self.parse(rule, part, |build, pair| build.item(pair));
                self.adrift = item.is_none();
                if item.is_none() && rule != Rule::test_item {
                    file.lost.push(self.source.ident(part.0 + 1));
                }
                file.items.extend(item);
            }
        }
    }
}

impl Build<'_, '_, '_> {
    fn edition(&mut self, pair: Pair<Rule>) -> Edition {
        let span = self.whole();
        let Some(number) = pair.into_inner().find(|p| p.as_rule() == Rule::int) else {
            return Edition { year: EDITION, span };
        };
        let year = self.int(&number);
        if year != EDITION {
            let problem =
                Diagnostic::error("A0014", format!("there is no edition {year}"), self.span(&number))
                    .label("unknown edition")
                    .help(format!("this version of archc reads edition {EDITION}"));
            self.parser.problems.push(problem);
        }
        Edition { year, span }
    }

    fn import(&mut self, pair: Pair<Rule>) -> Import {
        let mut import =
            Import { path: String::new(), path_span: self.whole(), names: Vec::new(), span: self.whole() };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::import_path => {
                    import.path = part.as_str().trim_end().to_string();
                    import.path_span = self.span(&part);
                }
                Rule::import_name => {
                    let mut names =
                        part.into_inner().filter(|p| p.as_rule() == Rule::ident).map(|n| self.ident(&n));
                    import.names.extend(names.next().map(|name| (name, names.next())));
                }
                _ => {}
            }
        }
        import
    }

    fn item(&mut self, pair: Pair<Rule>) -> Item {
        match pair.as_rule() {
            Rule::fn_item => Item::Fn(self.fn_item(pair)),
            Rule::test_item => Item::Test(self.test_item(pair)),
            _ => Item::Block(self.block_item(pair)),
        }
    }

    fn fn_item(&mut self, pair: Pair<Rule>) -> FnItem {
        let name = self.inner_ident(&pair);
        let (params, results) = self.signature(pair.clone());
        let body = match pair.clone().into_inner().find(|p| p.as_rule() == Rule::body) {
            Some(body) => {
                let open = self.token(&body);
                self.parser.body(open)
            }
            None => {
                let value = self.inner_expr(&pair);
                let span = value.span;
                Body { statements: Vec::new(), tail: Some(Box::new(value)), span, braces: false }
            }
        };
        FnItem { docs: self.docs(), name, params, results, body, span: self.whole() }
    }

    fn block_item(&mut self, pair: Pair<Rule>) -> BlockItem {
        let mut block = BlockItem {
            docs: self.docs(),
            kind: BlockKind::Block,
            name: self.inner_ident(&pair),
            axes: Vec::new(),
            members: Vec::new(),
            variant: None,
            span: self.whole(),
        };
        if pair.as_rule() == Rule::variant_item {
            let base = pair.clone().into_inner().filter(|p| p.as_rule() == Rule::ident).nth(1);
            let values = self.entry_list(pair.clone());
            block.variant = base.map(|b| Variant { base: self.ident(&b), values });
        }
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::kw_model => block.kind = BlockKind::Model,
                Rule::axis_params => block.axes = self.axis_params(part),
                Rule::body => {
                    let open = self.token(&part);
                    block.members = self.parser.members(open);
                }
                _ => {}
            }
        }
        block
    }

    fn axis_params(&mut self, pair: Pair<Rule>) -> Vec<AxisParam> {
        let mut params = Vec::new();
        let mut after_arrow = false;
        for part in pair.into_inner() {
            if part.as_rule() == Rule::axis_arrow {
                after_arrow = true;
                continue;
            }
            let inner = part.clone().into_inner();
            let list = inner.clone().any(|p| p.as_rule() == Rule::axis_list);
            let tied = inner.clone().find(|p| p.as_rule() == Rule::default).map(|d| self.inner_expr(&d));
            params.push(AxisParam {
                name: self.inner_ident(&part),
                list,
                tied,
                after_arrow,
                span: self.span(&part),
            });
            after_arrow = false;
        }
        params
    }

    fn test_item(&mut self, pair: Pair<Rule>) -> TestItem {
        let span = self.whole();
        let mut test = TestItem {
            docs: self.docs(),
            name: StrLit { value: String::new(), span },
            with: Vec::new(),
            of: None,
            preset: None,
            sets: Vec::new(),
            deny: Vec::new(),
            body: Body::default(),
            span,
        };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::string => test.name = self.string(&part),
                Rule::test_with => test.with.extend(self.entry_list(part)),
                Rule::test_of => test.of = Some(self.inner_ident(&part)),
                Rule::test_preset => {
                    test.preset = part.into_inner().find(|p| p.as_rule() == Rule::preset_ref).map(|p| {
                        let name = p.as_str().split_whitespace().collect();
                        Ident { name, span: self.span(&p) }
                    })
                }
                Rule::test_set => test.sets.extend(self.entry_list(part)),
                Rule::test_deny => {
                    let names = part.into_inner().filter(|p| p.as_rule() == Rule::ident);
                    test.deny.extend(names.map(|n| self.ident(&n)));
                }
                Rule::body => {
                    let open = self.token(&part);
                    test.body = self.parser.body(open);
                }
                _ => {}
            }
        }
        test
    }
}
