"""Many mass networks of one kind as one: the members of an ensemble, each with weights of its own.

Three ways, with the same answers to rounding:

* "layers", for networks that are lists of layers (``models.layered``): convolutions in groups, products in batches. For
  these it is the fastest.
* "loop": one member after the other; any network.
* "vmap": ``torch.func.vmap`` over the members; any network that takes the same steps whatever its numbers. On a CPU it
  is slower than the loop, by a factor of five for batches of 32, so it is never taken by itself.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from zwicky.core.errors import ConfigError
from zwicky.models.base import Batch, GaussianMass, MassModel
from zwicky.models.layered import LayeredMass
from zwicky.models.stacked_layers import can_stack, channels_last, convolved, densely

Way = Literal["layers", "loop", "vmap"]
Ask = Callable[[Batch], GaussianMass]
"""From observations to the answer of each member for each, mean and sd (member, batch) [dex of Msun]."""


def ask_together(members: Sequence[MassModel]) -> Ask:
    """Return the fastest way to show all members the same observations.

    Parameters
    ----------
    members : sequence of MassModel
        Of one kind with the same settings. The weights of layers are copied as they now are; an error that
        ``fit_error`` sets afterwards is heeded.
    """
    if len(members) > 1 and _is_layered(members[0]):
        stack, layered = Stacked(members), cast(Sequence[LayeredMass], members)
        return lambda batch: _together(
            member.answered(outputs) for member, outputs in zip(layered, stack.outputs(batch), strict=True)
        )
    return lambda batch: _together(member.predict(batch) for member in members)


class Stacked(nn.Module):
    """Networks of one kind, run together; its tensors are copies of theirs, (member, ...), under the same names.

    Parameters
    ----------
    members : sequence of MassModel
        Of one kind with the same settings.
    way : "layers", "loop" or "vmap", optional
        By default "layers" where the network allows it, else "loop".

    Raises
    ------
    ConfigError
        If there are no members, if their settings differ, or if "layers" is asked of what is no list of layers.
    """

    def __init__(self, members: Sequence[MassModel], way: Way | None = None) -> None:
        super().__init__()
        _check_alike(members)
        layered = _is_layered(members[0])
        if way == "layers" and not layered:
            raise ConfigError(
                "The layers of this network cannot be run for all members at once.",
                expected="a network of models.layered",
                got=type(members[0]).__name__,
                fix='leave the way open, or take "loop"',
            )
        self.way: Way = way or ("layers" if layered else "loop")
        self.members = copy.deepcopy(members[0])
        columns = zip(*(_named_tensors(member) for member in members), strict=True)
        for same in columns:
            _put(self.members, same[0][0], _stacked([tensor.detach() for _, tensor in same]))
        self._same_stretch = layered and all(
            bool((numbers == numbers[:1]).all()) for numbers in self._layered.stretch.buffers()
        )

    def __len__(self) -> int:
        return len(next(self.members.parameters()))

    @property
    def _layered(self) -> LayeredMass:
        return cast(LayeredMass, self.members)

    def member(self, i: int) -> MassModel:
        """Return one network by itself, with copies of its tensors."""
        alone = copy.deepcopy(self.members)
        for name, tensor in list(_named_tensors(self.members)):
            _put(alone, name, tensor[i].detach().clone())
        return alone

    def rows(self) -> list[MassModel]:
        """Return all members as ordinary networks that share their tensors, and the gradients, with the stack.

        Gradients that are there are kept, others begin at zero. After ``keep`` these networks belong to nobody.
        """
        small = self.member(0)
        found = [copy.deepcopy(small) for _ in range(len(self))]
        for name, tensor in list(_named_tensors(self.members)):
            if isinstance(tensor, nn.Parameter) and tensor.grad is None:
                tensor.grad = torch.zeros_like(tensor)
            for i, row in enumerate(found):
                _put(row, name, tensor.detach()[i])
                if isinstance(tensor, nn.Parameter) and tensor.grad is not None:
                    row.get_parameter(name).grad = tensor.grad[i]
        return found

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these members only; the parameters stay the same objects, so an optimiser still knows them."""
        for _, tensor in _named_tensors(self.members):
            tensor.data = tensor.data[list(rows)]
            tensor.grad = None

    def predict(self, batch: Batch) -> GaussianMass:
        """Show all members the same observations.

        Returns
        -------
        GaussianMass
            What each member says of each cluster, (member, batch) [dex of Msun].
        """
        if self.way == "layers":
            return GaussianMass(*self._vmapped(_answer, (0,), self.outputs(batch)))
        if self.way == "vmap":
            return GaussianMass(*self._vmapped(_predict, (None,), _fields(batch)))
        return _together(GaussianMass(*answer) for answer in self._looped(_predict, batch))

    def loss(self, batches: Batch | Sequence[Batch], words: Sequence[int] | None = None) -> Tensor:
        """Return the mean loss of each member, (member,).

        Parameters
        ----------
        batches : Batch, or sequence of Batch
            One for all members; or one for each, all of one size.
        words : sequence of int, optional
            A seed for each member's dropout. On a CPU it then draws the numbers that it draws by itself after
            ``torch.manual_seed(word)``; "vmap" cannot, and draws from torch's own generator.
        """
        if self.way == "loop":
            return torch.stack(list(self._looped(_loss, batches, words)))
        given, dim = _stacked_fields(batches)
        if self.way == "vmap":
            return cast(Tensor, self._vmapped(_loss, (dim,), given))
        generators = None if words is None else [torch.Generator().manual_seed(word) for word in words]
        return cast(Tensor, self._vmapped(_judge, (0, dim), self.outputs(batches, generators), given))

    def outputs(
        self, batches: Batch | Sequence[Batch], generators: Sequence[torch.Generator] | None = None
    ) -> Tensor:
        """Return what the heads of layered networks read, (member, batch, output).

        Parameters
        ----------
        batches : Batch, or sequence of Batch
            One for all members; or one for each, all of one size.
        generators : sequence of Generator, optional
            For the dropout of each member.
        """
        network, n = self._layered, len(self)
        shared = isinstance(batches, Batch)
        each: Sequence[Batch] = [batches] * n if isinstance(batches, Batch) else batches
        scalars = torch.stack([network.scalars(batch) for batch in each])
        one_reading = shared and self._same_stretch
        maps = [self._stretched(i, batch.maps) for i, batch in enumerate(each[:1] if one_reading else each)]
        features = convolved(network.convolutions, maps, n, shared=one_reading)
        return densely(network.dense, torch.cat([features, scalars], dim=2), generators)

    def _stretched(self, i: int, maps: Tensor) -> Tensor:
        stretch = self._layered.stretch
        numbers = {name: tensor[i] for name, tensor in stretch.named_buffers()}
        return cast(Tensor, functional_call(stretch, numbers, (maps,)))

    def _vmapped(self, work: Callable[..., Any], dims: tuple[int | None, ...], *given: Any) -> Any:
        """Run ``work(member, *given)`` for all members at once; of what has a dimension, each gets its part."""
        call = _Call(self.members, work)
        tensors = {f"model.{name}": tensor for name, tensor in _named_tensors(self.members)}

        def one(its: Mapping[str, Tensor], *part: Any) -> Any:
            return functional_call(call, dict(its), part)

        return vmap(one, in_dims=(0, *dims), randomness="different")(tensors, *given)

    def _looped(
        self,
        work: Callable[..., Any],
        batches: Batch | Sequence[Batch],
        words: Sequence[int] | None = None,
    ) -> Iterator[Any]:
        """Run ``work(member, its batch)`` for one member after the other."""
        call = _Call(self.members, work)
        rows = {f"model.{name}": tensor.unbind() for name, tensor in _named_tensors(self.members)}
        for i in range(len(self)):
            if words is not None:
                torch.manual_seed(words[i])
            batch = batches if isinstance(batches, Batch) else batches[i]
            its = {name: _laid_out(tensors[i]) for name, tensors in rows.items()}
            yield functional_call(call, its, (_fields(batch),))


class _Call(nn.Module):
    """Makes ``work(model, ...)`` the forward pass, which is all that ``functional_call`` calls."""

    def __init__(self, model: MassModel, work: Callable[..., Any]) -> None:
        super().__init__()
        self.model, self.work = model, work

    def forward(self, *given: Any) -> Any:
        return self.work(self.model, *given)


# What a member is asked. vmap takes and gives dictionaries and tuples of tensors, but no records.


def _loss(model: MassModel, given: Mapping[str, Tensor]) -> Tensor:
    return model.loss(Batch(**given))


def _predict(model: MassModel, given: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    answer = model.predict(Batch(**given))
    return answer.mean, answer.sd


def _judge(model: LayeredMass, outputs: Tensor, given: Mapping[str, Tensor]) -> Tensor:
    return model.judged(outputs, Batch(**given))


def _answer(model: LayeredMass, outputs: Tensor) -> tuple[Tensor, Tensor]:
    answer = model.answered(outputs)
    return answer.mean, answer.sd


def _together(answers: Iterable[GaussianMass]) -> GaussianMass:
    found = list(answers)
    return GaussianMass(torch.stack([one.mean for one in found]), torch.stack([one.sd for one in found]))


def _fields(batch: Batch) -> dict[str, Tensor]:
    found = {name: getattr(batch, name) for name in Batch.__dataclass_fields__}
    return {name: tensor for name, tensor in found.items() if tensor is not None}


def _stacked_fields(batches: Batch | Sequence[Batch]) -> tuple[dict[str, Tensor], int | None]:
    """Return the tensors of a batch for all, or those of one for each side by side, and along what to part them."""
    if isinstance(batches, Batch):
        return _fields(batches), None
    columns = [_fields(batch) for batch in batches]
    return {name: torch.stack([column[name] for column in columns]) for name in columns[0]}, 0


def _named_tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    return chain(model.named_parameters(), model.named_buffers())


def _put(model: nn.Module, name: str, tensor: Tensor) -> None:
    """Put a tensor in the place of a parameter or buffer, whatever their shapes."""
    path, _, leaf = name.rpartition(".")
    owner = model.get_submodule(path)
    is_parameter = leaf in dict(owner.named_parameters(recurse=False))
    setattr(owner, leaf, nn.Parameter(tensor) if is_parameter else tensor)


def _stacked(rows: Sequence[Tensor]) -> Tensor:
    """Return tensors side by side, (member, ...), each laid out as a CPU takes it fastest."""
    if rows[0].ndim != 4:
        return torch.stack(list(rows))
    return torch.stack([row.permute(0, 2, 3, 1) for row in rows]).contiguous().permute(0, 1, 4, 2, 3)


def _laid_out(tensor: Tensor) -> Tensor:
    """Return weights of convolutions as a CPU takes them fastest."""
    return channels_last(tensor) if tensor.ndim == 4 else tensor


def _is_layered(member: MassModel) -> bool:
    return isinstance(member, LayeredMass) and can_stack(member.convolutions, member.dense)


def _check_alike(members: Sequence[MassModel]) -> None:
    settings = {repr((type(member).__name__, member.config)) for member in members}
    if len(settings) != 1:
        raise ConfigError(
            "Only networks of one kind with the same settings can be stacked.",
            expected="one kind and settings",
            got="; ".join(sorted(settings)) or "no network",
            fix="stack each kind by itself",
        )
