//! `archc dev FILE --stage STAGE`: any stage of the compilation, printed.

mod fused;
mod why;

use super::{kernels, orders};
use crate::cli::{DevArgs, Form, Format, Fuse, Output, Stage};
use crate::failure::Failure;
use crate::model::Checked;
use crate::warnings::Warnings;
use crate::{lowered, model, session};
use arch_compiler::graph;
use arch_compiler::program::Program;
use arch_grammar::FileId;
use arch_runtime::device::host;
use arch_runtime::luminal::primitive::Primitive;

/// Prints a stage.
pub fn run(args: &DevArgs, output: &Output) -> Result<(), Failure> {
    if args.stage == Stage::Ast {
        let text = model::read_source(&args.file)?;
        let (file, _) = arch_grammar::parse(FileId(0), &text);
        println!("{file:#?}");
        return Ok(());
    }
    if args.format == Format::Svg && args.stage != Stage::Orders {
        return Err(Failure::Misuse("only --stage orders is drawn; other stages are text or dot".into()));
    }
    if args.why && args.stage != Stage::Fused {
        return Err(Failure::Misuse("--why belongs to --stage fused".into()));
    }
    // A stage is text, so its warnings are, too.
    let output = &Output { json: false, ..*output };
    let Checked { mut program, sources, warnings } =
        model::program(&args.file, &args.model.request()?, output)?;
    let mut said = Warnings::new(warnings, &sources, output);
    if args.stage == Stage::Program {
        print!("{}", outline(&program));
        return Ok(());
    }
    if args.stage == Stage::Orders {
        let drawn = args.format == Format::Svg;
        print!("{}", if drawn { orders::svg(&program) } else { orders::text(&program) });
        return Ok(());
    }
    if args.stage == Stage::Fused {
        return fused::run(args, program, &sources, &mut said);
    }
    // The graph and its gradient are shown as they are written; what becomes kernels is respelled.
    let respelled = matches!(args.stage, Stage::Kernels | Stage::Luminal) && args.form != Form::Primitive;
    let fuse = if respelled { args.fuse } else { Fuse::Off };
    let grad = args.stage == Stage::Grad || args.grad;
    let entry = lowered::entry(&mut program, grad, fuse, args.memory, &mut said)?;
    match args.stage {
        Stage::Kernels => {
            let target = match &args.target {
                Some(text) => kernels::target(text)?,
                None => host::target()?,
            };
            let plan = lowered::plan(&mut program, entry, args.batch, target, &sources, fuse)?;
            print!("{plan}");
            if args.target.is_some() {
                for kernel in kernels::print(&plan)? {
                    print!("\n{}", kernel.text);
                }
            }
            return Ok(());
        }
        Stage::Luminal => {
            let programs = [("program", entry)];
            let text = if args.form == Form::Primitive {
                Primitive::new(&program.module, &programs, args.batch)?.dot("program")
            } else {
                let session = session::executing(&program.module, &programs, args.batch, args.fuse, output)?;
                session.dot("program").unwrap_or_default()
            };
            print!("{text}");
            return Ok(());
        }
        _ => {}
    }
    let entry = if args.flat { graph::inline(&mut program.module, entry) } else { entry };
    match args.format {
        Format::Dot => print!("{}", graph::dot(&program.module, entry)),
        Format::Text | Format::Svg => {
            for f in graph::reached(&program.module, entry) {
                println!("{}", graph::print_function(&program.module, f));
            }
        }
    }
    Ok(())
}

fn outline(program: &Program) -> String {
    use std::fmt::Write;
    let mut out = format!("{}\n", program.item);
    for (name, value) in &program.config {
        let _ = writeln!(out, "  config {name} = {value}");
    }
    for a in &program.inputs {
        let _ = writeln!(
            out,
            "  input {}: {}{}{}",
            a.name,
            program.module.shape_text(&a.shape),
            if a.integer { " int" } else { "" },
            a.role.map_or_else(String::new, |r| format!(" ({r:?})").to_lowercase()),
        );
    }
    for (name, axes) in &program.outputs {
        let _ = writeln!(out, "  result {name}: {}", program.module.shape_text(axes));
    }
    for p in &program.parameters {
        let _ = writeln!(
            out,
            "  {} {}: {} stored {:?}{}",
            if p.trained { "param" } else { "buffer" },
            p.name,
            program.module.shape_text(&p.shape),
            p.stored,
            if p.trained && !p.decay { " no_decay" } else { "" },
        );
    }
    out
}
