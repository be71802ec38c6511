//! Generated from `wit/`, nothing else.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "mainworker:job/job",
    imports: { default: trappable },
    exports: { default: async },
});
