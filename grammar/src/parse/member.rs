//! What stands in a block.

use pest::iterators::Pair;

use super::climb::as_range;
use super::{Build, Parser, Rule, mistakes};
use crate::ast::{
    Attribute, Body, ConfigDecl, ConfigType, ConfigTypeKind, DimsDecl, Expr, ExprKind, Forward, Ident,
    LayerDecl, LetDecl, LostMember, Member, MemberIf, Param, ParamDecl, ParamKind, PresetDecl, RequireDecl,
    ResultDecl,
};
use crate::nearest::nearest;
use crate::scan::TokenKind;
use crate::split::{Level, split};

impl Parser<'_> {
    /// The members in the braces at token `open`.
    pub(super) fn members(&mut self, open: usize) -> Vec<Member> {
        let Some(close) = self.source.partner(open) else { return Vec::new() };
        let parts = split(&self.source, Level::Members, open + 1, close);
        parts.into_iter().map(|part| self.member(part)).collect()
    }

    fn member(&mut self, part: (usize, usize)) -> Member {
        let next = self.source.word(part.0 + 1);
        let rule = match self.source.word(part.0) {
            _ if next == "=" => Rule::layer,
            "config" => Rule::config,
            "preset" => Rule::preset,
            "require" => Rule::require,
            "dims" => Rule::dims,
            "let" => Rule::let_member,
            "param" | "buffer" => Rule::weight,
            "forward" => Rule::forward,
            "if" => Rule::member_if,
            _ => Rule::layer,
        };
        let member = self.parse(rule, part, |build, pair| build.member(pair));
        member.unwrap_or_else(|| Member::Lost(self.lost_member(rule, part)))
    }

    /// What can be told of a member that did not parse.
    fn lost_member(&self, rule: Rule, (from, to): (usize, usize)) -> LostMember {
        let source = &self.source;
        let meant = nearest(source.word(from), mistakes::MEMBER_WORDS).unwrap_or("");
        let layer =
            source.word(from + 1) == "=" || matches!(rule, Rule::weight | Rule::forward | Rule::preset);
        let decides = !layer && !matches!(meant, "param" | "buffer" | "forward" | "preset");
        // The words at its beginning, and in its bodies all that a member could declare.
        let head = (from..to).take_while(|&index| source.kind(index) == Some(TokenKind::Word));
        let inside = (from..to).filter(|&index| {
            let before = index.checked_sub(1).map_or("", |before| source.word(before));
            source.kind(index) == Some(TokenKind::Word)
                && (source.word(index + 1) == "=" || matches!(before, "config" | "param" | "buffer"))
        });
        LostMember {
            names: head.chain(inside).map(|index| source.ident(index)).collect(),
            decides,
            span: source.span(from, to),
        }
    }
}

impl Build<'_, '_, '_> {
    fn member(&mut self, pair: Pair<Rule>) -> Member {
        let (docs, span) = (self.docs(), self.whole());
        match pair.as_rule() {
            Rule::config => Member::Config(self.config(pair)),
            Rule::preset => Member::Preset(PresetDecl {
                docs,
                name: self.inner_ident(&pair),
                values: self.entry_list(pair),
                span,
            }),
            Rule::require => {
                let message = pair.clone().into_inner().find(|p| p.as_rule() == Rule::string);
                let message = message.map(|s| self.string(&s));
                Member::Require(RequireDecl { condition: self.inner_expr(&pair), message, span })
            }
            Rule::dims => Member::Dims(self.dims(pair)),
            Rule::let_member => {
                Member::Let(LetDecl { name: self.inner_ident(&pair), value: self.inner_expr(&pair), span })
            }
            Rule::weight => {
                let buffer = pair.clone().into_inner().any(|p| p.as_rule() == Rule::kw_buffer);
                let decl = ParamDecl {
                    docs,
                    name: self.inner_ident(&pair),
                    shape: self.inner_shape(&pair),
                    init: self.find(&pair, Rule::default),
                    attributes: self.attributes(&pair),
                    span,
                };
                if buffer { Member::Buffer(decl) } else { Member::Param(decl) }
            }
            Rule::forward => Member::Forward(self.forward(pair)),
            Rule::member_if => self.member_if(pair),
            _ => Member::Layer(LayerDecl {
                docs,
                name: self.inner_ident(&pair),
                value: self.inner_expr(&pair),
                attributes: self.attributes(&pair),
                span,
            }),
        }
    }

    /// The expression in the part of `pair` that has the given rule.
    fn find(&mut self, pair: &Pair<Rule>, rule: Rule) -> Option<Expr> {
        let part = pair.clone().into_inner().find(|p| p.as_rule() == rule)?;
        Some(self.inner_expr(&part))
    }

    pub(super) fn attributes(&mut self, pair: &Pair<Rule>) -> Vec<Attribute> {
        let attributes = pair.clone().into_inner().filter(|p| p.as_rule() == Rule::attribute);
        attributes
            .map(|attribute| Attribute {
                name: self.inner_ident(&attribute),
                span: self.span(&attribute),
                args: attribute
                    .into_inner()
                    .find(|p| p.as_rule() == Rule::call)
                    .map_or_else(Vec::new, |call| self.args(call)),
            })
            .collect()
    }

    /// The `name: value` entries inside `pair`.
    pub(super) fn entry_list(&mut self, pair: Pair<Rule>) -> Vec<(Ident, Expr)> {
        let entries = pair.into_inner().find(|p| p.as_rule() == Rule::entries);
        let entries = entries.into_iter().flat_map(Pair::into_inner);
        entries.map(|entry| (self.inner_ident(&entry), self.inner_expr(&entry))).collect()
    }

    pub(super) fn dims(&mut self, pair: Pair<Rule>) -> DimsDecl {
        let dims = pair.into_inner().filter(|p| p.as_rule() == Rule::dim);
        let dims = dims.map(|dim| (self.inner_ident(&dim), self.inner_expr(&dim))).collect();
        DimsDecl { dims, span: self.whole() }
    }

    fn config(&mut self, pair: Pair<Rule>) -> ConfigDecl {
        let mut ty = ConfigType { kind: ConfigTypeKind::OneOf(Vec::new()), span: self.span(&pair) };
        let mut range = None;
        for part in pair.clone().into_inner() {
            match part.as_rule() {
                Rule::config_type => ty = self.config_type(part),
                Rule::expr => range = Some(as_range(self.expr(part))),
                Rule::set => {
                    let span = self.span(&part);
                    let values = part.into_inner().map(|value| self.expr(value)).collect();
                    range = Some(Expr { kind: ExprKind::Set(values), span });
                }
                _ => {}
            }
        }
        ConfigDecl {
            docs: self.docs(),
            name: self.inner_ident(&pair),
            ty,
            range,
            default: self.find(&pair, Rule::default),
            attributes: self.attributes(&pair),
            span: self.whole(),
        }
    }

    fn config_type(&self, pair: Pair<Rule>) -> ConfigType {
        let span = self.span(&pair);
        let mut ty = ConfigType { kind: ConfigTypeKind::OneOf(Vec::new()), span };
        for part in pair.into_inner() {
            let span = self.span(&part);
            ty = match part.as_rule() {
                Rule::one_of => {
                    let names = part.into_inner().filter(|p| p.as_rule() == Rule::ident);
                    ConfigType { kind: ConfigTypeKind::OneOf(names.map(|n| self.ident(&n)).collect()), span }
                }
                Rule::list_type => match part.into_inner().next() {
                    Some(inner) => {
                        ConfigType { kind: ConfigTypeKind::List(Box::new(self.config_type(inner))), span }
                    }
                    None => ty,
                },
                Rule::optional => {
                    let span = ty.span.to(span);
                    ConfigType { kind: ConfigTypeKind::Optional(Box::new(ty)), span }
                }
                _ => ConfigType { kind: ConfigTypeKind::Named(self.ident(&part)), span },
            };
        }
        ty
    }

    fn forward(&mut self, pair: Pair<Rule>) -> Forward {
        let mut forward = Forward {
            docs: self.docs(),
            params: Vec::new(),
            results: Vec::new(),
            body: Body::default(),
            signature: self.whole(),
            span: self.whole(),
        };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::forward_head => {
                    forward.signature = self.span(&part);
                    (forward.params, forward.results) = self.signature(part);
                }
                Rule::body => {
                    let open = self.token(&part);
                    forward.body = self.parser.body(open);
                }
                _ => {}
            }
        }
        forward
    }

    /// The parameters and results inside `pair`.
    pub(super) fn signature(&mut self, pair: Pair<Rule>) -> (Vec<Param>, Vec<ResultDecl>) {
        let (mut params, mut results) = (Vec::new(), Vec::new());
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::params => params = part.into_inner().map(|p| self.param(p)).collect(),
                Rule::results => results = part.into_inner().map(|r| self.result(r)).collect(),
                _ => {}
            }
        }
        (params, results)
    }

    fn result(&mut self, pair: Pair<Rule>) -> ResultDecl {
        match pair.as_rule() {
            Rule::shape => ResultDecl { name: None, shape: self.shape(pair) },
            _ => ResultDecl { name: Some(self.inner_ident(&pair)), shape: self.inner_shape(&pair) },
        }
    }

    fn param(&mut self, pair: Pair<Rule>) -> Param {
        let mut kind = ParamKind::Any;
        for part in pair.clone().into_inner() {
            match part.as_rule() {
                Rule::shape => kind = ParamKind::Tensor(self.shape(part)),
                Rule::axis_type => kind = ParamKind::Axis(self.inner_ident(&part)),
                Rule::value_type => kind = ParamKind::Value(self.inner_ident(&part)),
                _ => {}
            }
        }
        Param {
            name: self.inner_ident(&pair),
            kind,
            default: self.find(&pair, Rule::default),
            null: self.find(&pair, Rule::null_value),
            condition: self.find(&pair, Rule::condition),
            attributes: self.attributes(&pair),
            span: self.span(&pair),
        }
    }

    fn member_if(&mut self, pair: Pair<Rule>) -> Member {
        let whole = self.whole();
        let (branches, last) = self.branches(pair);
        let mut otherwise = last.map_or_else(Vec::new, |open| self.parser.members(open));
        for ((condition, start), open) in branches.into_iter().rev() {
            let then = self.parser.members(open);
            let span = start.to(whole);
            otherwise = vec![Member::If(MemberIf { condition, then, otherwise, span })];
        }
        otherwise.pop().unwrap_or(Member::Dims(DimsDecl { dims: Vec::new(), span: whole }))
    }
}
