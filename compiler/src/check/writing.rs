//! Mistakes of writing that no evaluation is needed for: things declared twice, attributes that do not belong
//! where they stand, types that do not exist.

use super::Session;
use super::events::names;
use arch_grammar::ast::{
    Arg, BlockItem, Body, ConfigType, ConfigTypeKind, Expr, ExprKind, Ident, Item, Member, Param, ParamKind,
    PresetDecl, ResultDecl, Shape, Stmt, StmtKind,
};
use arch_grammar::{Diagnostic, Span, nearest};

/// Types of a parameter that takes a value.
const VALUES: &[&str] = &["int", "float", "bool", "string", "fn"];
/// Types of a config value.
const CONFIGS: &[&str] = &["bool", "int", "float", "string", "init", "fn"];
/// Types of a tensor's elements.
const ELEMENTS: &[&str] = &["f32", "bf16", "int"];
/// What an input of `forward` may be marked as.
const ROLES: &[&str] = &["noisy", "timestep", "label", "context"];

impl Session<'_> {
    pub(super) fn check_writing(&mut self, item: &Item) {
        match item {
            Item::Fn(f) => {
                self.signature(&f.params, &f.results, &[]);
                self.body_writing(&f.body);
            }
            Item::Block(BlockItem { variant: Some(variant), .. }) => {
                self.each_once(variant.values.iter().map(|(n, _)| n), "is given twice");
            }
            Item::Block(b) => {
                self.each_once(b.axes.iter().map(|a| &a.name), "is an axis of this block twice");
                self.members_writing(&b.members);
                self.presets(&b.members);
            }
            Item::Test(t) => self.body_writing(&t.body),
        }
    }

    fn again(&mut self, what: &str, again: Span, first: Span) {
        let d = Diagnostic::error("A0104", what.to_string(), again).label("again here");
        self.report(d.also(first, "first here").help("remove one, or give it another name"));
    }

    fn each_once<'a>(&mut self, names: impl Iterator<Item = &'a Ident>, what: &str) {
        let mut seen: Vec<&Ident> = Vec::new();
        for name in names.filter(|n| n.name != "_") {
            match seen.iter().find(|s| s.name == name.name) {
                Some(first) => self.again(&format!("`{}` {what}", name.name), name.span, first.span),
                None => seen.push(name),
            }
        }
    }

    fn signature(&mut self, params: &[Param], results: &[ResultDecl], attributes: &[&str]) {
        self.each_once(params.iter().map(|p| &p.name), "is a parameter twice");
        self.each_once(results.iter().filter_map(|r| r.name.as_ref()), "is a result twice");
        for p in params {
            self.known_attributes(&p.attributes, attributes);
            match &p.kind {
                ParamKind::Tensor(shape) => self.element(shape),
                ParamKind::Value(ty) => _ = self.known_type(ty, VALUES),
                ParamKind::Any | ParamKind::Axis(_) => {}
            }
        }
        results.iter().for_each(|r| self.element(&r.shape));
    }

    fn element(&mut self, shape: &Shape) {
        if let Some(dtype) = &shape.dtype {
            self.known_type(dtype, ELEMENTS);
        }
    }

    fn known_type(&mut self, ty: &Ident, known: &[&str]) -> bool {
        if known.contains(&ty.name.as_str()) {
            return true;
        }
        let d = Diagnostic::error("A0106", format!("there is no type `{}` here", ty.name), ty.span);
        let d = match nearest(&ty.name, known.iter().copied()) {
            Some(n) => d.help(format!("did you mean `{n}`?")),
            None => d.help(format!("here stand: {}", known.join(", "))),
        };
        self.report(d);
        false
    }

    /// Whether there is such a type; says so if not.
    pub(super) fn config_type(&mut self, ty: &ConfigType) -> bool {
        match &ty.kind {
            ConfigTypeKind::Named(n) => self.known_type(n, CONFIGS),
            ConfigTypeKind::OneOf(words) => {
                self.each_once(words.iter(), "is a choice twice");
                true
            }
            ConfigTypeKind::Optional(t) | ConfigTypeKind::List(t) => self.config_type(t),
        }
    }

    /// Members of one list; branches of an `if` may declare the same name, for one of them is taken.
    fn members_writing(&mut self, members: &[Member]) {
        let named = members.iter().filter_map(|m| match m {
            Member::Config(c) => Some(&c.name),
            Member::Let(l) => Some(&l.name),
            Member::Param(p) | Member::Buffer(p) => Some(&p.name),
            Member::Layer(l) => Some(&l.name),
            _ => None,
        });
        self.each_once(named, "is declared twice");
        let mut forward: Option<Span> = None;
        for member in members {
            match member {
                Member::Config(c) => {
                    self.config_type(&c.ty);
                    self.known_attributes(&c.attributes, &["preset_suffix", "ignored"]);
                }
                Member::Param(p) | Member::Buffer(p) => self.element(&p.shape),
                Member::Layer(l) => self.expr_writing(&l.value),
                Member::If(i) => {
                    self.members_writing(&i.then);
                    self.members_writing(&i.otherwise);
                }
                Member::Forward(f) => {
                    if let Some(first) = forward.replace(f.signature) {
                        self.again("a block has one `forward`", f.signature, first);
                    }
                    self.signature(&f.params, &f.results, ROLES);
                    self.body_writing(&f.body);
                }
                Member::Preset(_) | Member::Require(_) => {}
                Member::Dims(_) | Member::Let(_) | Member::Lost(_) => {}
            }
        }
    }

    fn presets(&mut self, members: &[Member]) {
        let presets: Vec<&PresetDecl> = members
            .iter()
            .filter_map(|m| match m {
                Member::Preset(p) => Some(p),
                _ => None,
            })
            .collect();
        self.each_once(presets.iter().map(|p| &p.name), "is a preset twice");
        for p in presets {
            let what = format!("is set twice in preset `{}`", p.name.name);
            self.each_once(p.values.iter().map(|(n, _)| n), &what);
        }
        let marks = super::config::config_decls(members);
        let marks: Vec<Span> = marks
            .iter()
            .flat_map(|c| c.attributes.iter().filter(|a| a.name.name == "preset_suffix").map(|a| a.span))
            .collect();
        if let [first, again, ..] = marks[..] {
            self.again("two configs take what stands behind `/` in a preset", again, first);
        }
    }

    fn body_writing(&mut self, body: &Body) {
        body.statements.iter().for_each(|s| self.statement_writing(s));
        body.tail.iter().for_each(|e| self.expr_writing(e));
    }

    fn statement_writing(&mut self, s: &Stmt) {
        match &s.kind {
            StmtKind::Let { pattern, value, .. } => {
                let mut all = Vec::new();
                names(pattern, &mut |n| all.push(n));
                self.each_once(all.into_iter(), "is bound twice by one `let`");
                self.expr_writing(value);
            }
            StmtKind::Update { value: e, .. }
            | StmtKind::Yield(e)
            | StmtKind::Final(e)
            | StmtKind::Assert(e)
            | StmtKind::Expr(e) => self.expr_writing(e),
            StmtKind::For { iter, body, .. } => {
                self.expr_writing(iter);
                self.body_writing(body);
            }
            StmtKind::Dims(_) => {}
        }
    }

    fn expr_writing(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::Unary(_, x) | ExprKind::Paren(x) => self.expr_writing(x),
            ExprKind::Binary(_, a, b) | ExprKind::Pipe(a, b) | ExprKind::Repeat(a, b) => {
                self.expr_writing(a);
                self.expr_writing(b);
            }
            ExprKind::Call(_, args) => {
                self.arguments_once(args);
                args.iter().for_each(|a| self.expr_writing(&a.value));
            }
            ExprKind::Index(base, _) => self.expr_writing(base),
            ExprKind::Tuple(xs) | ExprKind::List(xs) => xs.iter().for_each(|x| self.expr_writing(x)),
            ExprKind::ListFor { body, .. } => self.expr_writing(body),
            ExprKind::If { then, otherwise, .. } => {
                self.body_writing(then);
                otherwise.iter().for_each(|b| self.body_writing(b));
            }
            ExprKind::Scan(scan) => {
                self.each_once(scan.carries.iter().map(|c| &c.name), "is a carry twice");
                self.body_writing(&scan.body);
            }
            _ => {}
        }
    }

    fn arguments_once(&mut self, args: &[Arg]) {
        let named: Vec<&Ident> = args.iter().filter_map(|a| a.name.as_ref()).collect();
        for (i, name) in named.iter().enumerate() {
            if let Some(first) = named[..i].iter().find(|n| n.name == name.name) {
                let d = Diagnostic::error("A0401", format!("`{}` is given twice", name.name), name.span);
                self.report(d.label("again here").also(first.span, "first here").help("remove one"));
            }
        }
    }
}
