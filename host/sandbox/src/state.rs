//! What one attempt's store holds: the capabilities' state, built for this attempt and gone with it.

use crate::capabilities::configuration::Configuration;
use crate::capabilities::http::Http;
use crate::capabilities::log::Log;
use crate::capabilities::masking::Masker;
use crate::capabilities::progress::Progress;
use crate::capabilities::schedule::Schedule;
use crate::capabilities::{files, progress};
use crate::control::Control;
use crate::limiter::Limiter;
use mainworker_domain::limits::Limits;
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
    pub(crate) http: Http,
    pub(crate) schedule: Schedule,
}

impl State {
    /// The state of a guest that is granted nothing and told to nobody.
    pub(crate) fn with_nothing(limits: &Limits, control: Arc<Control>) -> Self {
        let masker = Arc::<Masker>::default();
        Self {
            wasi: WasiCtx::default(),
            table: ResourceTable::new(),
            read_ahead: files::read_ahead(),
            limiter: Limiter::new(limits, Arc::clone(&control)),
            configuration: Configuration::default(),
            log: Arc::new(Log::new(Arc::clone(&masker), limits, None)),
            progress: progress::build(Arc::clone(&masker), limits, None),
            http: Http::none(),
            schedule: Schedule::none(limits, masker, control),
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}
