//! What the command line says about an item: preset, `--set`, as config values.

use super::Session;
use super::config::{config_decls, with_origin};
use super::scope::{Env, Scope};
use super::value::{Callee, Number, Scalar, Val};
use arch_grammar::ast::{BlockItem, ConfigDecl, ConfigTypeKind, Member, PresetDecl};
use arch_grammar::{Diagnostic, Span, nearest};
use std::rc::Rc;

/// Config values from the outside.
#[derive(Default)]
pub(super) struct Settings {
    pub config: Vec<(String, Val, Span)>,
}

impl Session<'_> {
    pub(super) fn settings(&mut self, block: &BlockItem) -> Option<Settings> {
        let mut settings = Settings::default();
        let decls = config_decls(&block.members);
        if let Some(preset) = self.request.preset.clone() {
            self.preset(block, &decls, &preset, &mut settings)?;
        }
        for (name, text) in self.request.set.clone() {
            let Some(decl) = decls.iter().find(|d| d.name.name == name) else {
                if self.is_astray() {
                    return None;
                }
                let names: Vec<&str> = decls.iter().map(|d| d.name.name.as_str()).collect();
                let title = format!("`{}` has no config `{name}`", block.name.name);
                let d = Diagnostic::error("A0201", title, block.name.span)
                    .fact(format!("{name} = {text}"), format!("from the command line (--set {name}={text})"));
                let d = match nearest(&name, names.iter().copied()) {
                    Some(n) => d.help(format!("did you mean `--set {n}=…`?")),
                    None if names.is_empty() => d.help("it has no config at all"),
                    None => d.help(format!("it has: {}", names.join(", "))),
                };
                self.report(d);
                return None;
            };
            let from = format!("from the command line (--set {name}={text})");
            let value = self.told(decl, &text, &from)?;
            settings.config.retain(|(n, _, _)| *n != name);
            settings.config.push((name, value, decl.name.span));
        }
        self.made_up_values(&decls, &mut settings);
        Some(settings)
    }

    fn preset(
        &mut self,
        block: &BlockItem,
        decls: &[&ConfigDecl],
        text: &str,
        settings: &mut Settings,
    ) -> Option<()> {
        let (name, suffix) = match text.split_once('/') {
            Some((n, s)) => (n, Some(s)),
            None => (text, None),
        };
        let presets: Vec<&PresetDecl> = block
            .members
            .iter()
            .filter_map(|m| match m {
                Member::Preset(p) => Some(p),
                _ => None,
            })
            .collect();
        // Papers write `S-deep`; names here have no hyphens.
        let plain = name.replace('-', "_");
        let Some(preset) = presets.iter().find(|p| p.name.name == plain) else {
            let names: Vec<&str> = presets.iter().map(|p| p.name.name.as_str()).collect();
            let title = format!("`{}` has no preset `{name}`", block.name.name);
            let from = format!("from the command line (--preset {text})");
            let d = Diagnostic::error("A0208", title, block.name.span).remark(from);
            let d = match nearest(name, names.iter().copied()) {
                Some(n) => d.help(format!("did you mean `{n}`?")),
                None if names.is_empty() => d.help("it has no presets; use `--set name=value`"),
                None => d.help(format!("it has: {}", names.join(", "))),
            };
            self.report(d);
            return None;
        };
        let scope = Scope { file: self.file_index(preset.span.file), ..Scope::default() };
        let mut env = Env::new(Rc::new(scope));
        let mut fine = true;
        for (key, expr) in &preset.values {
            let Some(decl) = decls.iter().find(|d| d.name.name == key.name) else {
                if !self.is_to_be_reported(&key.name, key.span) {
                    fine = false;
                    continue;
                }
                let names: Vec<&str> = decls.iter().map(|d| d.name.name.as_str()).collect();
                let d = Diagnostic::error("A0201", format!("there is no config `{}`", key.name), key.span);
                let d = match nearest(&key.name, names.iter().copied()) {
                    Some(n) => d.help(format!("did you mean `{n}`?")),
                    None => d.help(format!("there are: {}", names.join(", "))),
                };
                self.report(d);
                fine = false;
                continue;
            };
            let value = self.config_value(&mut env, &decl.ty, expr);
            let value = self.fit_config(decl, value, expr.span);
            fine &= !matches!(value, Val::Error);
            let from = format!("from preset {name} ({})", self.sources.place(key.span));
            settings.config.push((key.name.clone(), with_origin(value, &key.name, &from), expr.span));
        }
        if !fine {
            return None;
        }
        let Some(suffix) = suffix else { return Some(()) };
        let marked = decls.iter().find(|d| d.attributes.iter().any(|a| a.name.name == "preset_suffix"));
        let Some(decl) = marked else {
            let d = Diagnostic::error(
                "A0208",
                format!("`{text}` has a part behind `/`, but no config takes it"),
                block.name.span,
            );
            self.report(d.help("mark the config that it sets: `config patch_size: int = 2 @preset_suffix`"));
            return None;
        };
        let value = self.told(decl, suffix, &format!("from the command line (--preset {text})"))?;
        settings.config.push((decl.name.name.clone(), value, decl.name.span));
        Some(())
    }

    /// A text from outside as a value of the config's type.
    fn told(&mut self, decl: &ConfigDecl, text: &str, from: &str) -> Option<Val> {
        match self.read(decl.span, &decl.ty.kind, text.trim()) {
            Some(v) => Some(with_origin(v, &decl.name.name, from)),
            None => {
                let wanted = super::config::show_type(&decl.ty.kind);
                let title = format!("config `{}` is {wanted}, but `{text}` was given", decl.name.name);
                let d = Diagnostic::error("A0205", title, decl.name.span).remark(from.to_string());
                let example = super::config::example(&decl.ty.kind);
                self.report(d.help(format!("a value of that type is for example `{example}`")));
                None
            }
        }
    }

    /// A function of the item's file, of what that imports, or of the standard library.
    fn function_named(&mut self, at: Span, name: &str) -> Option<Val> {
        let own = self.file_index(at.file);
        let found = match self.callee_named(own, name) {
            None => self.library_function(name).map(Callee::Function),
            found => found,
        };
        found.filter(|c| matches!(c, Callee::Builtin(_) | Callee::Function(_))).map(Val::Callee)
    }

    /// A text as a value of a type; functions are looked up as in the file of the place `at`.
    fn read(&mut self, at: Span, ty: &ConfigTypeKind, text: &str) -> Option<Val> {
        match ty {
            ConfigTypeKind::Optional(_) if matches!(text, "none" | "None") => Some(Val::None),
            ConfigTypeKind::Optional(inner) => self.read(at, &inner.kind, text),
            ConfigTypeKind::List(inner) => {
                let inside = text.strip_prefix('[')?.strip_suffix(']')?;
                let parts = inside.split(',').map(str::trim).filter(|t| !t.is_empty());
                let values: Option<Vec<Val>> = parts.map(|t| self.read(at, &inner.kind, t)).collect();
                values.map(|v| Val::List(Rc::new(v)))
            }
            ConfigTypeKind::OneOf(words) => {
                words.iter().find(|w| w.name == text).map(|w| Val::Word(w.name.as_str().into()))
            }
            ConfigTypeKind::Named(n) => match n.name.as_str() {
                "bool" => text.parse().ok().map(Val::Bool),
                "int" => text.replace('_', "").parse().ok().map(Val::int),
                "float" => {
                    let value = text.parse().ok().filter(|f: &f64| f.is_finite())?;
                    Some(Val::Number(Number { value: Scalar::Float(value), origin: None }))
                }
                "string" => Some(Val::Str(text.into())),
                "fn" => self.function_named(at, text),
                _ => None,
            },
        }
    }
}
