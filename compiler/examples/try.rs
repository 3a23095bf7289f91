//! Checks one file: `try FILE.arch [--item X] [--preset XL/2] [--set k=v] [--dim T=16] [--file 1]`.
//! With `--file` every item is checked, otherwise one is compiled and measured.

use arch_compiler::check::{NoFiles, Request, check_file, compile};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(path), options) = (arguments.first(), &arguments[1.min(arguments.len())..]) else {
        return eprintln!("a file is wanted");
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) => return eprintln!("{path}: {e}"),
    };
    let mut request = Request::default();
    let mut whole = false;
    for pair in options.chunks(2) {
        let [option, value] = pair else { return eprintln!("`{}` needs a value", pair[0]) };
        let (key, after) = value.split_once('=').unwrap_or((value, ""));
        match option.as_str() {
            "--item" => request.item = Some(value.clone()),
            "--preset" => request.preset = Some(value.clone()),
            "--set" => request.set.push((key.into(), after.into())),
            "--dim" => request.dims.push((key.into(), after.parse().unwrap_or(0))),
            "--file" => whole = true,
            _ => return eprintln!("there is no `{option}`"),
        }
    }
    if whole {
        let outcome = check_file(&NoFiles, path, &text, &request);
        return eprint!("{}", arch_grammar::render(&outcome.diagnostics, &outcome.sources, false));
    }
    let start = std::time::Instant::now();
    let outcome = compile(&NoFiles, path, &text, &request);
    let took = start.elapsed();
    eprint!("{}", arch_grammar::render(&outcome.diagnostics, &outcome.sources, false));
    if let Some(p) = outcome.program {
        println!("{} functions, {} params, {took:?}", p.module.functions.len(), p.layers[0].params);
        println!("{} {:?}", p.layers[0].params_with_buffers, p.inputs);
        if let Err(e) = arch_compiler::graph::verify(&p.module) {
            println!("the graph does not verify: {e:?}");
        }
    }
}
