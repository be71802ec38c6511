//! A module ready to run: compiled, linked, with its revision.
//!
//! [`Sandbox`] is the crate's front: it holds the engine, the linker with every capability, the cache and the threads on
//! which attempts run.

use crate::attempt_threads::AttemptThreads;
use crate::bindings::JobPre;
use crate::capabilities;
use crate::engine::Engine;
use crate::module_cache::{CodeRefusal, ModuleCache};
use crate::module_file::ModuleFile;
use crate::refusal::ModuleRefusal;
use crate::state::State;
use mainworker_domain::catalog::Revision;
use mainworker_domain::digest::Digest;
use mainworker_domain::limits::LimitValues;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use tokio::task::JoinHandle;
use wasmtime::component::{Component, Linker};

/// Everything that modules need to run on this host.
pub struct Sandbox {
    engine: Engine,
    pub(crate) linker: Linker<State>,
    cache: Option<ModuleCache>,
    pub(crate) threads: AttemptThreads,
    /// Held while a module compiles: one at a time.
    compiling: Mutex<()>,
}

/// A module that is ready to run, any number of times and at a time.
pub struct Module {
    revision: Arc<Revision>,
    pub(crate) pre: JobPre<State>,
    compiled: bool,
    refused: Option<CodeRefusal>,
}

impl Module {
    /// Why compiled code that was there for it was not loaded.
    pub fn refused_code(&self) -> Option<CodeRefusal> {
        self.refused
    }

    /// What it is and what it says about itself.
    pub fn revision(&self) -> &Arc<Revision> {
        &self.revision
    }

    /// Whether it was compiled now rather than read from the cache.
    pub fn was_compiled(&self) -> bool {
        self.compiled
    }
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Module").field("digest", &self.revision.digest()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("engine", &self.engine).finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Starts the engine, its ticks and one attempt thread per core. Without a `cache` every module is compiled.
    ///
    /// # Errors
    /// An engine or threads that cannot be had.
    pub fn start(ceilings: &LimitValues, cache: Option<ModuleCache>) -> wasmtime::Result<Self> {
        let engine = Engine::start(ceilings)?;
        let mut linker = Linker::new(engine.wasmtime());
        capabilities::link(&mut linker)?;
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = AttemptThreads::start(cores)?;
        Ok(Self { engine, linker, cache, threads, compiling: Mutex::new(()) })
    }

    /// Runs `driver`, which starts attempts one after the other, on the attempt threads: the next attempt then begins where
    /// the last one ended, and no other thread has to be woken in between. For whoever has a queue of them.
    pub fn drive<F>(&self, driver: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.threads.spawn(driver)
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Makes a module ready: from the cache, or by compiling it on one low-priority thread. Waits for that.
    ///
    /// # Errors
    /// A module that does not compile or link.
    pub fn prepare(&self, file: &ModuleFile) -> Result<Module, ModuleRefusal> {
        let refuse = |error: wasmtime::Error| ModuleRefusal::NotCompilable(format!("{error:#}"));
        let digest = file.revision().digest();
        let engine_hash = self.engine.compatibility_hash();
        let cached = self.cache.as_ref().map(|cache| cache.read(&digest, engine_hash)).transpose();
        let refused = cached.as_ref().err().copied();
        if let Some(refusal) = refused {
            tracing::warn!(module = %digest, problem = %refusal, "compiled module is refused, compiling it again");
        }
        let cached = cached.ok().flatten().flatten();
        let compiled = cached.is_none();
        let component = match cached.and_then(|code| load(self.engine.wasmtime(), &code)) {
            Some(component) => component,
            None => {
                let component = self.compile(file.bytes()).map_err(refuse)?;
                if let Some(cache) = &self.cache {
                    let kept = component
                        .serialize()
                        .map_err(refuse)
                        .map(|code| cache.write(&digest, engine_hash, &code));
                    if let Ok(Err(error)) = kept {
                        tracing::warn!(module = %digest, %error, "compiled module is not kept");
                    }
                }
                component
            }
        };
        let pre = self.linker.instantiate_pre(&component).and_then(JobPre::new).map_err(refuse)?;
        Ok(Module { revision: Arc::clone(file.revision()), pre, compiled, refused })
    }

    /// Lets go of the compiled code that is kept of a module.
    pub fn forget(&self, module: &Digest) {
        if let Some(cache) = &self.cache {
            cache.remove(module, self.engine.compatibility_hash());
        }
    }

    /// Compiles on a thread of its own with the lowest claim to a core, so that running attempts keep theirs.
    pub(crate) fn compile(&self, bytes: &[u8]) -> wasmtime::Result<Component> {
        let _one_at_a_time = self.compiling.lock().unwrap_or_else(PoisonError::into_inner);
        thread::scope(|scope| {
            let compiler = thread::Builder::new().name("compile".to_owned()).spawn_scoped(scope, || {
                // On Linux this is about the thread. Where it is not allowed, the compiler is merely less polite.
                let _ = rustix::process::nice(10);
                Component::from_binary(self.engine.wasmtime(), bytes)
            })?;
            compiler.join().unwrap_or_else(|_| Err(wasmtime::format_err!("the compiler panicked")))
        })
    }
}

/// Loads compiled code that this host wrote, or none where the engine does not take it.
#[expect(
    unsafe_code,
    reason = "wasmtime trusts compiled code; the cache hands out only what this host wrote"
)]
fn load(engine: &wasmtime::Engine, code: &[u8]) -> Option<Component> {
    // SAFETY: the bytes come from `ModuleCache`, a folder that only this user may write to, and their code shows that this
    // host serialized them, for this module. Code of another engine version or other settings is refused by wasmtime.
    match unsafe { Component::deserialize(engine, code) } {
        Ok(component) => Some(component),
        Err(error) => {
            tracing::warn!(%error, "compiled module is not taken, compiling it again");
            None
        }
    }
}
