//! What one attempt's store holds: the capabilities' state, built for this attempt and gone with it.

use crate::capabilities::configuration::Configuration;
use crate::capabilities::log::Log;
use crate::capabilities::progress::Progress;
use crate::limiter::Limiter;
use std::sync::Arc;
use tokio::sync::Semaphore;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

pub(crate) struct State {
    pub(crate) wasi: WasiCtx,
    pub(crate) table: ResourceTable,
    /// How many more streams may read ahead.
    pub(crate) read_ahead: Arc<Semaphore>,
    pub(crate) limiter: Limiter,
    pub(crate) configuration: Configuration,
    pub(crate) log: Arc<Log>,
    pub(crate) progress: Progress,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}
