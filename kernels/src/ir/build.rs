//! Building a kernel statement by statement. Lets are shared, and stand in the outermost loop where
//! everything they need is known.

use super::{
    Acc, Arg, Atom, Binary, Elem, Expr, Extent, Index, IndexVar, Join, Local, Loop, LoopKind, Math, Operand,
    Over, Scalar, Stmt, Type, Unary,
};
use std::collections::HashMap;

/// The statements of a kernel that is being built.
#[derive(Debug, Default)]
pub struct Body {
    /// The arguments so far.
    pub args: Vec<Arg>,
    scopes: Vec<Scope>,
    /// Extent and scope of every loop variable.
    vars: Vec<(Extent, usize)>,
    /// The name of the axis that each loop variable runs over.
    axes: Vec<Over>,
    /// Type and scope of every scalar.
    scalars: Vec<(Type, usize)>,
    /// Type and scope of every local array.
    locals: Vec<(Elem, usize)>,
    accs: Vec<Join>,
}

#[derive(Debug, Default)]
struct Scope {
    head: Option<(LoopKind, IndexVar, Extent, Option<Index>)>,
    stmts: Vec<Stmt>,
    /// Lets of this scope by what they bind. Looked up, never gone through.
    known: HashMap<Expr, Scalar>,
}

impl Body {
    /// An empty kernel.
    #[must_use]
    pub fn new() -> Self {
        Body { scopes: vec![Scope::default()], ..Body::default() }
    }

    /// Declares an argument.
    pub fn arg(&mut self, arg: Arg) -> u32 {
        self.args.push(arg);
        (self.args.len() - 1) as u32
    }

    /// Opens a loop.
    pub fn open(&mut self, kind: LoopKind, extent: Extent) -> IndexVar {
        self.open_until(kind, extent, None)
    }

    /// Opens a loop that may stop before its extent.
    pub fn open_until(&mut self, kind: LoopKind, extent: Extent, stop: Option<Index>) -> IndexVar {
        let var = IndexVar(self.vars.len() as u32);
        self.vars.push((extent, self.scopes.len()));
        self.axes.push(Over::Nothing);
        self.scopes.push(Scope { head: Some((kind, var, extent, stop)), ..Scope::default() });
        var
    }

    /// Opens a loop over something that has a name.
    pub fn open_over(&mut self, kind: LoopKind, extent: Extent, over: Over) -> IndexVar {
        let var = self.open(kind, extent);
        self.name(var, over);
        var
    }

    /// Says what a loop runs over.
    pub fn name(&mut self, var: IndexVar, over: Over) {
        self.axes[var.0 as usize] = over;
    }

    /// By loop variable: what it runs over.
    #[must_use]
    pub fn axes(&self) -> &[Over] {
        &self.axes
    }

    /// Closes the loop that was opened last.
    ///
    /// # Panics
    /// If no loop is open.
    pub fn close(&mut self) {
        let scope = self.scopes.pop().expect("an open loop");
        let (kind, var, extent, stop) = scope.head.expect("the outermost scope is no loop");
        self.push(Stmt::Loop(Box::new(Loop { kind, var, extent, stop, body: scope.stmts })));
    }

    /// How many loops are open.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.scopes.len() - 1
    }

    /// How many iterations a variable's loop has, if that is known.
    #[must_use]
    pub fn extent(&self, var: IndexVar) -> Option<i64> {
        self.vars[var.0 as usize].0.known()
    }

    /// The statements so far of each open loop, the outermost first, and how often they are run in one of the loop around.
    pub(super) fn open_scopes(&self) -> impl DoubleEndedIterator<Item = (Extent, &[Stmt])> {
        let once = Extent::fixed(1);
        self.scopes.iter().map(move |s| (s.head.as_ref().map_or(once, |head| head.2), s.stmts.as_slice()))
    }

    /// The types of all scalars so far.
    pub(super) fn types(&self) -> Vec<Type> {
        self.scalars.iter().map(|s| s.0).collect()
    }

    /// The type of an operand.
    #[must_use]
    pub fn ty(&self, operand: Operand) -> Type {
        match operand {
            Operand::Scalar(s) => self.scalars[s.0 as usize].0,
            Operand::Float(_) => Type::F32,
            Operand::Int(_) => Type::I32,
        }
    }

    /// The scope that an operand was bound in.
    #[must_use]
    pub fn scope_of(&self, operand: Operand) -> usize {
        match operand {
            Operand::Scalar(s) => self.scalars[s.0 as usize].1,
            _ => 0,
        }
    }

    /// Binds what depends only on its operands: in the outermost loop where these are known.
    pub fn bind(&mut self, expr: Expr) -> Operand {
        let scope = self.needs(&expr);
        self.bind_at(expr, scope)
    }

    /// Binds what may change between statements, here and now, without sharing.
    pub fn bind_here(&mut self, expr: Expr) -> Operand {
        let scope = self.depth();
        let ty = self.type_of(&expr);
        let scalar = self.fresh(ty, scope);
        self.push(Stmt::Let(scalar, expr));
        Operand::Scalar(scalar)
    }

    fn bind_at(&mut self, expr: Expr, scope: usize) -> Operand {
        if let Some(known) = self.scopes[scope].known.get(&expr) {
            return Operand::Scalar(*known);
        }
        let ty = self.type_of(&expr);
        let scalar = self.fresh(ty, scope);
        self.scopes[scope].known.insert(expr.clone(), scalar);
        self.scopes[scope].stmts.push(Stmt::Let(scalar, expr));
        Operand::Scalar(scalar)
    }

    fn fresh(&mut self, ty: Type, scope: usize) -> Scalar {
        self.scalars.push((ty, scope));
        Scalar((self.scalars.len() - 1) as u32)
    }

    fn needs(&self, expr: &Expr) -> usize {
        let of = |o: &Operand| self.scope_of(*o);
        match expr {
            Expr::Load(_, index) | Expr::Index(index) => self.scope_of_index(index),
            Expr::Local(local, index) => self.scope_of_index(index).max(self.locals[local.0 as usize].1),
            Expr::Acc(_) => self.depth(),
            Expr::Unary(_, a) => of(a),
            Expr::Binary(_, a, b) => of(a).max(of(b)),
            Expr::Select(a, b, c) => of(a).max(of(b)).max(of(c)),
            Expr::Math(_, inputs) => inputs.iter().map(of).max().unwrap_or(0),
        }
    }

    fn scope_of_index(&self, index: &Index) -> usize {
        let vars = index.vars().into_iter().map(|v| self.vars[v.0 as usize].1);
        let data = index.data().into_iter().map(|s| self.scalars[s.0 as usize].1);
        vars.chain(data).max().unwrap_or(0)
    }

    fn type_of(&self, expr: &Expr) -> Type {
        let of = |elem: Elem| if elem == Elem::F32 { Type::F32 } else { Type::I32 };
        match expr {
            Expr::Load(arg, _) => of(self.args[*arg as usize].elem),
            Expr::Local(local, _) => of(self.locals[local.0 as usize].0),
            Expr::Acc(_) | Expr::Math(..) => Type::F32,
            Expr::Index(_) => Type::I32,
            Expr::Unary(op, a) => unary_type(*op, self.ty(*a)),
            Expr::Binary(op, a, _) => binary_type(*op, self.ty(*a)),
            Expr::Select(_, a, _) => self.ty(*a),
        }
    }

    /// An operation on one operand.
    pub fn unary(&mut self, op: Unary, a: Operand) -> Operand {
        self.bind(Expr::Unary(op, a))
    }

    /// An operation on two operands.
    pub fn binary(&mut self, op: Binary, a: Operand, b: Operand) -> Operand {
        self.bind(Expr::Binary(op, a, b))
    }

    /// A function.
    pub fn math(&mut self, function: Math, inputs: Vec<Operand>) -> Operand {
        self.bind(Expr::Math(function, inputs))
    }

    /// The operand as a float.
    pub fn to_float(&mut self, a: Operand) -> Operand {
        match (self.ty(a), a) {
            (_, Operand::Int(n)) => Operand::float(n as f32),
            (Type::F32, _) => a,
            (Type::I32, _) => self.unary(Unary::ToFloat, a),
            (Type::Mask, _) => self.bind(Expr::Select(a, Operand::float(1.0), Operand::float(0.0))),
        }
    }

    /// The operand as a mask: whether it is not zero.
    pub fn to_mask(&mut self, a: Operand) -> Operand {
        match self.ty(a) {
            Type::Mask => a,
            Type::F32 => {
                let zero = self.binary(Binary::Eq, a, Operand::float(0.0));
                self.unary(Unary::Not, zero)
            }
            Type::I32 => {
                let zero = self.binary(Binary::Eq, a, Operand::Int(0));
                self.unary(Unary::Not, zero)
            }
        }
    }

    /// Declares a local array in the innermost open loop.
    pub fn local(&mut self, elem: Elem, len: i64) -> Local {
        let local = Local(self.locals.len() as u32);
        self.locals.push((elem, self.depth()));
        self.push(Stmt::Array(local, elem, len));
        local
    }

    /// From here on an array changes with every iteration of the innermost open loop: it is read inside.
    pub fn changes_here(&mut self, local: Local) {
        let depth = self.depth();
        self.locals[local.0 as usize].1 = depth;
    }

    /// Declares an accumulator in the innermost open loop.
    pub fn acc(&mut self, join: Join) -> Acc {
        let acc = Acc(self.accs.len() as u32);
        self.accs.push(join);
        self.push(Stmt::Acc(acc, join));
        acc
    }

    /// Fetches what the innermost open loop loads and stores by whole vectors, for the next iteration of the loop of
    /// `var` further out: the processor sees rows of a buffer that lie far apart too late by itself.
    pub fn fetch_next(&mut self, var: IndexVar) {
        let heads = self.scopes.iter().filter_map(|s| s.head.as_ref());
        let is_lane = |kind: LoopKind| matches!(kind, LoopKind::Vector | LoopKind::ParallelLanes);
        let Some(lane) = heads.filter(|h| is_lane(h.0)).map(|h| h.1).next_back() else { return };
        let Some(scope) = self.scopes.last_mut() else { return };
        let mut rows: Vec<(u32, Index)> = Vec::new();
        for stmt in &scope.stmts {
            let (Stmt::Let(_, Expr::Load(arg, index)) | Stmt::Store(arg, index, _)) = stmt else { continue };
            let next = index.terms.iter().find(|t| t.0 == Atom::Var(var)).map(|t| index.offset(t.1));
            let Some(next) = next.filter(|n| n.stride(lane) == Some(1)) else { continue };
            rows.push((*arg, next));
        }
        for (arg, index) in rows {
            let fetch = Stmt::Fetch(arg, index);
            if !scope.stmts.contains(&fetch) {
                scope.stmts.push(fetch);
            }
        }
    }

    /// Adds a statement to the innermost open loop.
    pub fn push(&mut self, stmt: Stmt) {
        self.scopes.last_mut().expect("a scope").stmts.push(stmt);
    }

    /// All types of scalars, joins of accumulators and statements.
    ///
    /// # Panics
    /// If a loop is still open.
    #[must_use]
    pub fn finish(mut self) -> (Vec<Arg>, Vec<Type>, Vec<Join>, Vec<Stmt>) {
        assert_eq!(self.scopes.len(), 1, "every loop is closed");
        let body = self.scopes.pop().expect("a scope").stmts;
        (self.args, self.scalars.into_iter().map(|s| s.0).collect(), self.accs, body)
    }
}

/// The type that a unary operation gives.
#[must_use]
pub fn unary_type(op: Unary, a: Type) -> Type {
    match op {
        Unary::ToFloat | Unary::FromBits | Unary::Sixteenth => Type::F32,
        Unary::ToInt | Unary::Bits => Type::I32,
        _ => a,
    }
}

/// The type that a binary operation gives.
#[must_use]
pub fn binary_type(op: Binary, a: Type) -> Type {
    match op {
        Binary::Lt | Binary::Le | Binary::Eq => Type::Mask,
        _ => a,
    }
}
