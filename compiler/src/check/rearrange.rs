//! `rearrange(x, "T D=(H K) -> H T K")`: flatten and unflatten for those who think in einops.

use super::Session;
use super::arguments::Given;
use super::scope::Env;
use super::value::{Tensor, Val};
use crate::graph::AxisId;
use arch_grammar::ast::{Expr, ExprKind};
use arch_grammar::{Diagnostic, Span};

/// An entry of a pattern: a name, or a group with the name of the whole.
struct Entry {
    name: Option<(String, Span)>,
    group: Option<Vec<(String, Span)>>,
    span: Span,
}

impl Session<'_> {
    pub(super) fn view_rearrange(
        &mut self,
        env: &mut Env,
        given: &[Given<'_>],
        span: Span,
    ) -> Option<Tensor> {
        let args = self.arguments("rearrange", given, (2, 2), &[], span)?;
        let t = self.given_tensor(env, args[0])?;
        let Some(Expr { kind: ExprKind::Str(text), span: at }) = args[1].expr else {
            self.report(Diagnostic::error("A0318", "the pattern is a text", args[1].span));
            return None;
        };
        let Some((left, right)) = text.split_once("->") else {
            let d = Diagnostic::error("A0318", "a pattern has two sides: `… -> …`", *at);
            self.report(d);
            return None;
        };
        // The text begins behind the quote; patterns have no escapes, so bytes keep their places.
        let start = at.start as usize + 1;
        let left = self.entries(left, *at, start)?;
        let right = self.entries(right, *at, start + text.find("->").unwrap_or(0) + 2)?;
        let t = self.taken_apart(env, &t, &left, *at)?;
        self.put_together(env, &t, &right, *at)
    }

    fn entries(&mut self, text: &str, at: Span, start: usize) -> Option<Vec<Entry>> {
        let mut out: Vec<Entry> = Vec::new();
        let mut group: Option<(usize, Vec<(String, Span)>)> = None;
        let mut pending: Option<(String, Span)> = None;
        let mut chars = text.char_indices().peekable();
        while let Some((i, c)) = chars.next() {
            let here = |n: usize| Span::new(at.file, start + i, start + i + n);
            match c {
                ' ' => {}
                '(' if group.is_none() => group = Some((i, Vec::new())),
                ')' => {
                    let Some((from, names)) = group.take() else {
                        return self.bad_pattern(here(1), "`)` closes nothing");
                    };
                    let span = Span::new(at.file, start + from, start + i + 1);
                    out.push(Entry { name: pending.take(), group: Some(names), span });
                }
                c if c.is_ascii_alphabetic() || c == '_' => {
                    let rest = &text[i..];
                    let n = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                    for _ in 1..n {
                        chars.next();
                    }
                    let name = (rest[..n].to_string(), here(n));
                    if let Some((_, names)) = &mut group {
                        names.push(name);
                    } else if text[i + n..].trim_start().starts_with('=') {
                        for (_, c) in chars.by_ref() {
                            if c == '=' {
                                break;
                            }
                        }
                        pending = Some(name);
                    } else {
                        let span = name.1;
                        out.push(Entry { name: Some(name), group: None, span });
                    }
                }
                _ => return self.bad_pattern(here(c.len_utf8()), "a pattern has names, `NAME=(…)` and `->`"),
            }
        }
        match (group, pending) {
            (Some((from, _)), _) => self
                .bad_pattern(Span::new(at.file, start + from, start + from + 1), "this `(` is never closed"),
            (_, Some((_, span))) => self.bad_pattern(span, "a group `(…)` belongs behind `=`"),
            _ => Some(out),
        }
    }

    fn bad_pattern<T>(&mut self, span: Span, text: &str) -> Option<T> {
        let d = Diagnostic::error("A0318", text, span);
        self.report(d.help("for example `rearrange(x, \"T D=(H K) -> H T K\")`"));
        None
    }

    fn taken_apart(&mut self, env: &mut Env, t: &Tensor, left: &[Entry], at: Span) -> Option<Tensor> {
        let mut t = t.clone();
        let mut named = Vec::new();
        for entry in left {
            let Some((name, span)) = &entry.name else {
                return self.bad_pattern(entry.span, "say which axis is taken apart: `D=(H K)`");
            };
            let axis = match env.axis(name) {
                Some(Val::Axis(a)) if t.has(a) => a,
                _ => {
                    let has = self.show_axes(&t.ids());
                    let d = Diagnostic::error("A0318", format!("the value has no axis `{name}`"), *span);
                    self.report(d.label(format!("the value is {has}")));
                    return None;
                }
            };
            named.push(axis);
            if let Some(group) = &entry.group {
                let names =
                    group.iter().map(|(n, s)| Expr { kind: ExprKind::Name(n.clone()), span: *s }).collect();
                let to = Expr { kind: ExprKind::Tuple(names), span: entry.span };
                let axes = self.unflatten_targets(env, axis, &to)?;
                t = self.unflatten_to(&t, axis, &axes, entry.span)?;
                named.extend(axes);
            }
        }
        let _ = at;
        Some(t)
    }

    fn put_together(&mut self, env: &mut Env, t: &Tensor, right: &[Entry], at: Span) -> Option<Tensor> {
        let mut t = t.clone();
        let mut order: Vec<AxisId> = Vec::new();
        for entry in right {
            let axis = match (&entry.name, &entry.group) {
                (None, _) => {
                    return self.bad_pattern(entry.span, "say how the new axis is called: `L=(J M)`");
                }
                (Some((name, span)), None) => self.known_axis(env, &t, name, *span)?,
                (Some((name, span)), Some(group)) => {
                    let mut from = Vec::new();
                    for (n, s) in group {
                        from.push(self.known_axis(env, &t, n, *s)?);
                    }
                    let to = self.target_name(env, name, *span, self.length_of_all(&from))?;
                    t = self.flatten_to(&t, &from, to, entry.span)?;
                    to
                }
            };
            order.push(axis);
        }
        let missing = t
            .axes
            .iter()
            .find(|(a, e)| !order.contains(a) && !env.lifted.contains(a) && e.span.file == at.file);
        if let Some((a, _)) = missing {
            let name = self.axis_name(*a);
            let d = Diagnostic::error("A0318", format!("axis `{name}` is missing on the right side"), at);
            self.report(d.help("a rearrangement keeps every axis; `sum(…, over: …)` removes one"));
            return None;
        }
        t.axes.sort_by_key(|(a, _)| order.iter().position(|b| a == b).map_or(0, |i| i + 1));
        Some(t)
    }

    fn known_axis(&mut self, env: &mut Env, t: &Tensor, name: &str, span: Span) -> Option<AxisId> {
        match env.axis(name) {
            Some(Val::Axis(a)) if t.has(a) => Some(a),
            _ => {
                let has = self.show_axes(&t.ids());
                let d =
                    Diagnostic::error("A0318", format!("there is no axis `{name}` to put together"), span);
                self.report(d.label(format!("the value is {has}")));
                None
            }
        }
    }
}
