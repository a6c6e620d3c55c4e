import ft_plugin as ft

QUESTION = (ft.Examples.LEAVE_ONE_OUT, ft.Objective.ANSWER)


class Descent(ft.MetaOptimizer):
    """Goes along the gradient if that makes the left-out demonstrations likelier, and only half as far the next time if not."""

    description = ft.Description(
        "descent", "0.1.0", "gradient descent on the leave-one-out likelihood, with a falling rate"
    ).number("rate", 0.01, "how far to go along the gradient at first", minimum=0.0)

    def __init__(self, options):
        self.rate = options.number("rate")

    def step(self, step):
        cache = step.cache()
        gradient = step.gradient(cache, *QUESTION, dropout=0.05, seed=step.seed)
        tried = [matrix.add_scaled(slope, -self.rate) for matrix, slope in zip(cache, gradient.slots)]
        before, after = (sum(step.likelihood(asked, *QUESTION)) for asked in (cache, tried))
        accepted = after > before
        if not accepted:
            self.rate /= 2
        return ft.Update(tried if accepted else cache, loss=gradient.loss, accepted=accepted)


Info, MetaOptimizer = ft.export_optimizer(ft.selected(Descent))
