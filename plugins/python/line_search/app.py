"""The direction of "Iterative Forward Tuning Boosts In-Context Learning in Language Models" (arXiv 2305.13016), as far as it
does not make the demonstrations less likely: a backtracking line search (Armijo, "Minimization of functions having
Lipschitz continuous first partial derivatives", 1966), without his demand of a least rise, since `P - C` is no gradient.

`d_t = P_t - C_{t-1}` is a direction of ascent: it is added. The same in Rust is `plugins/line-search`."""

import ft_plugin as ft


class LineSearch(ft.MetaOptimizer):
    description = (
        ft.Description(
            "line-search",
            "0.1.0",
            "the step towards what a further pass proposes, halved until the demonstrations' leave-one-out likelihood "
            "does not fall (arXiv 2305.13016; Armijo 1966)",
        )
        .number(
            "step_size",
            1.0,
            "how far to go towards the proposed cache in the first try; 1 is all the way",
            minimum=0.0,
        )
        .integer("halvings", 6, "how often the step is halved before the cache stays as it is", minimum=0, maximum=32)
        .choice(
            "objective",
            "answer",
            ["answer", "choice"],
            "what must not become less likely: the tokens of the answer, or the right choice among the choices",
        )
    )

    def __init__(self, options):
        self.step_size = options.number("step_size")
        self.halvings = options.integer("halvings")
        self.objective = ft.Objective.CHOICE if options.text("objective") == "choice" else ft.Objective.ANSWER
        # The mean likelihood behind the cache that the last step left, in nats; none before the first.
        self.likelihood = None

    def step(self, step):
        """`C_t = C_{t-1} + step_size / 2^i * d_t` with the least `i` of `0..halvings` for which `L(C_t) >= L(C_{t-1})`,
        where `L` is the mean of the likelihoods; `C_t = C_{t-1}` if there is none."""
        examples = step.unseen_demonstrations()
        cache = step.cache()
        if self.likelihood is None:
            self.likelihood = mean(step.likelihood(cache, examples, self.objective))
        before, size = self.likelihood, self.step_size
        direction = [slot.proposed.add_scaled(slot.previous, -1.0) for slot in step.proposal()]
        for _ in range(self.halvings + 1):
            tried = [matrix.add_scaled(way, size) for matrix, way in zip(cache, direction)]
            likelihood = mean(step.likelihood(tried, examples, self.objective))
            if likelihood >= before:
                self.likelihood = likelihood
                return ft.Update(tried, loss=-before, accepted=True)
            size /= 2.0
        return ft.Update(cache, converged=True, loss=-before, accepted=False)


def mean(likelihoods):
    # One after the other, as in Rust: `sum` carries what each addition rounds off.
    total = 0.0
    for likelihood in likelihoods:
        total += likelihood
    return total / len(likelihoods)


Info, MetaOptimizer = ft.export_optimizer(ft.selected(LineSearch))
