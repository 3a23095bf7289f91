use arch_compiler::check::{NoFiles, Request, compile};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let text = std::fs::read_to_string(&a[1]).unwrap();
    let mut r = Request::default();
    for w in a[2..].chunks(2) {
        match w[0].as_str() {
            "--item" => r.item = Some(w[1].clone()),
            "--preset" => r.preset = Some(w[1].clone()),
            "--set" => {
                let (k, v) = w[1].split_once('=').unwrap();
                r.set.push((k.into(), v.into()))
            }
            "--dim" => {
                let (k, v) = w[1].split_once('=').unwrap();
                r.dims.push((k.into(), v.parse().unwrap()))
            }
            _ => panic!(),
        }
    }
    let t = std::time::Instant::now();
    let o = compile(&NoFiles, &a[1], &text, &r);
    let dt = t.elapsed();
    eprint!("{}", arch_grammar::render(&o.diagnostics, &o.sources, false));
    if let Some(p) = o.program {
        println!("{} functions, {} params, {:?}", p.module.functions.len(), p.layers[0].params, dt);
        println!("{} {:?}", p.layers[0].params_with_buffers, p.inputs);
        if let Err(e) = arch_compiler::graph::verify(&p.module) {
            println!("VERIFY {e:?}");
        }
    }
}
