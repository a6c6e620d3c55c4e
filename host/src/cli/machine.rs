//! The flags of the commands that predict and serve on the machine and its limits.

use clap::Args;

use super::threads;
use crate::options::{HubCacheOptions, LimitOptions, NetworkOptions, parse};
use ft_engine::model::device::DeviceChoice;
use ft_store::machine::environment::Environment;

/// What is computed with, and what may be used for it.
#[derive(Args)]
pub struct MachineArgs {
    /// Where predictions are computed: `auto`, `cpu`, `cuda` or `cuda:N` [default: auto].
    #[arg(long)]
    device: Option<DeviceChoice>,

    /// Number of threads [default: one for each core].
    #[arg(long, value_name = "N", value_parser = parse::threads)]
    threads: Option<usize>,

    /// Number of query tokens that run together [default: 1024].
    #[arg(long, value_name = "N", value_parser = parse::batch_tokens)]
    pub batch_tokens: Option<usize>,

    #[command(flatten, next_display_order = 650)]
    network: NetworkOptions,

    #[command(flatten, next_display_order = 700)]
    hub_cache: HubCacheOptions,

    #[command(flatten, next_display_order = 750)]
    pub limits: LimitOptions,
}

impl MachineArgs {
    /// Settles what is said of the network, the hub's cache and threads, and gives the number of threads. The program may start
    /// itself anew, see [`threads::resolve`].
    pub fn settle(&self, environment: &mut Environment) -> usize {
        environment.offline |= self.network.offline;
        environment.use_hub_cache(self.hub_cache.cache_dir.clone());
        threads::resolve(self.threads, environment)
    }

    /// Where predictions are computed.
    pub fn device(&self) -> DeviceChoice {
        self.device.unwrap_or(DeviceChoice::Auto)
    }
}
