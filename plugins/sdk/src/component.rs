//! The component boundary: the traits of this crate on one side, the bindings of the WIT package on the other.

mod info;
mod optimizer;
mod panic;
mod step;
mod task;

pub use optimizer::OptimizerComponent;
pub use task::TaskComponent;

use crate::log::Level;

wit_bindgen::generate!({
    inline: "
        package ft-plugin:sdk;
        world logger {
            import forward-tuning:plugin/log@0.2.0;
        }
    ",
    path: "../../wit",
    generate_all,
});

/// Hands a message to the host.
pub(crate) fn log(level: Level, message: &str) {
    use forward_tuning::plugin::log;
    let level = match level {
        Level::Debug => log::Level::Debug,
        Level::Info => log::Level::Info,
        Level::Warn => log::Level::Warn,
        Level::Error => log::Level::Error,
    };
    log::write(level, message);
}

/// Hands what the plugin is about to do to the host.
pub(crate) fn work_on(what: &str) {
    forward_tuning::plugin::log::work_on(what);
}
