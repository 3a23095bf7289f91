//! The parameters of a whole item, and its layers for reports.

use super::Session;
use super::block::{Parameter, TemplateId};
use super::layers::join;
use super::value::Val;
use crate::graph::{DType, FuncId};
use crate::program::{self, Layer as LayerRow};
use arch_grammar::{Diagnostic, Span};
use rustc_hash::FxHashMap;

/// A parameter of the whole item: its name in the checkpoint, its template, its place there.
pub(super) struct Stored {
    pub name: String,
    pub template: TemplateId,
    pub index: usize,
    stored: Option<Vec<usize>>,
}

impl Session<'_> {
    pub(super) fn parameters(
        &mut self,
        template: TemplateId,
        entry: FuncId,
    ) -> Option<Vec<program::Parameter>> {
        let mut rows = Vec::new();
        self.collect_parameters(template, "", &[], &mut rows);
        let mut out: Vec<program::Parameter> = Vec::new();
        for row in rows {
            let p: Parameter = self.templates[row.template.0].parameters[row.index].clone();
            let init = self.init_function(row.template, &p, &row.name)?;
            let used = self.module.function(entry).input(&row.name).map(|i| i.value);
            let shape = match used {
                Some(v) => self.module.function(entry).value(v).shape.clone(),
                None => p.shape.clone(),
            };
            out.push(program::Parameter {
                name: row.name,
                stored: row.stored.unwrap_or(p.stored),
                shape,
                dtype: if p.bf16 { DType::BF16 } else { DType::F32 },
                trained: p.trained,
                decay: p.decay && p.trained,
                init,
                declared: p.declared,
            });
        }
        Some(out)
    }

    /// Two tensors cannot be stored under one name.
    pub(super) fn distinct_names(&mut self, template: TemplateId) -> Option<()> {
        let mut rows = Vec::new();
        self.collect_parameters(template, "", &[], &mut rows);
        let mut seen: FxHashMap<&str, Span> = FxHashMap::default();
        for row in &rows {
            let declared = self.templates[row.template.0].parameters[row.index].declared;
            if let Some(before) = seen.insert(&row.name, declared) {
                let text = format!("two parameters are stored as `{}`", row.name);
                let d = Diagnostic::error("A0104", text, declared).also(before, "the other one");
                self.report(d.help("give one of them another `@name`"));
                return None;
            }
        }
        Some(())
    }

    pub(super) fn collect_parameters(
        &self,
        template: TemplateId,
        path: &str,
        stored: &[(String, Vec<usize>)],
        out: &mut Vec<Stored>,
    ) {
        let t = &self.templates[template.0];
        for (index, p) in t.parameters.iter().enumerate() {
            let other = stored.iter().find(|(n, _)| *n == p.name).map(|(_, s)| s.clone());
            out.push(Stored { name: join(path, &p.public), template, index, stored: other });
        }
        for layer in &t.layers {
            self.collect_parameters(layer.template, &join(path, &layer.path), &layer.stored, out);
        }
    }

    /// Warns of layers, parameters and buffers that no walked `forward` used.
    pub(super) fn unused_parts(&mut self) {
        let mut warnings = Vec::new();
        for t in &self.templates {
            if t.built.is_empty()
                || self.is_library(t.scope.parts.values().next().map_or(Span::default(), |p| p.1))
            {
                continue;
            }
            for (name, (part, span)) in &t.scope.parts {
                if t.used.borrow().contains(name) {
                    continue;
                }
                let (code, what) = match part {
                    super::scope::Part::Parameter(_) => ("A0902", "parameter"),
                    super::scope::Part::Layer(Val::Absent(_)) => continue,
                    super::scope::Part::Layer(Val::List(l)) if l.is_empty() => continue,
                    super::scope::Part::Layer(_) => ("A0901", "layer"),
                };
                let text = format!("{what} `{name}` of `{}` is never used", t.name);
                let d = Diagnostic::warning(code, text, *span)
                    .label("its weights would be stored and never trained");
                warnings.push(d.help("use it in `forward`, or remove it"));
            }
        }
        for w in warnings {
            self.report(w);
        }
    }

    pub(super) fn layer_rows(&self, template: TemplateId) -> Vec<LayerRow> {
        let mut rows = Vec::new();
        self.layer_row(template, String::new(), &mut rows);
        rows
    }

    fn layer_row(&self, template: TemplateId, path: String, rows: &mut Vec<LayerRow>) -> (usize, usize) {
        let t = &self.templates[template.0];
        let at = rows.len();
        let function = t.built.values().map(|b| b.function).min();
        rows.push(LayerRow {
            path: path.clone(),
            block: t.name.clone(),
            params: 0,
            params_with_buffers: 0,
            function,
            calls: usize::from(function.is_some()),
        });
        let mut sums = (0, 0);
        for p in &t.parameters {
            let n = self.elements(&p.shape);
            sums.0 = usize::saturating_add(sums.0, if p.trained { n } else { 0 });
            sums.1 = usize::saturating_add(sums.1, n);
        }
        for layer in &t.layers {
            let row = rows.len();
            let below = self.layer_row(layer.template, join(&path, &layer.path), rows);
            // A layer without a name is its owner's own work, and so are the layers in it.
            if layer.path.is_empty() {
                rows.remove(row);
            }
            sums = (sums.0.saturating_add(below.0), sums.1.saturating_add(below.1));
        }
        rows[at].params = sums.0;
        rows[at].params_with_buffers = sums.1;
        sums
    }
}
