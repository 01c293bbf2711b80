"""Objects that lie, refuse, never end or change while they are read; `hostile_values` makes its values of them."""

from __future__ import annotations

import dataclasses
import enum
import functools
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any

import pydantic

SECRET = "4111 1111 1111 1111"


def refuse(*_: Any, **__: Any) -> Any:
    """What the methods of the objects below do; the error's text is somebody's data."""
    raise RuntimeError(SECRET)


METHODS = (
    "repr str eq ne hash bool len iter next getitem contains getattr getattribute call int float index bytes format lt le gt ge "
    "add sub reduce reduce_ex copy deepcopy dir array"
).split()


def refusing(base: type, names: str = " ".join(METHODS), *others: str) -> type:
    """A subclass whose methods of these names, without their underscores, and these others raise."""
    return type(
        f"Refusing{base.__name__}",
        (base,),
        dict.fromkeys([*(f"__{name}__" for name in names.split()), *others], refuse),
    )


def claiming(claimed: type) -> object:
    """An object of no use whose `__class__` says that it is of another type."""
    return type("Claims", (), {"__class__": property(lambda _: claimed)})()


def nested(levels: int, wrap: Callable[[Any], Any], value: Any = 1) -> Any:
    return functools.reduce(lambda inner, _: wrap(inner), range(levels), value)


def in_itself(container: Any, put: Callable[[Any, Any], object]) -> Any:
    put(container, container)
    return container


def two_in_each_other() -> dict[str, Any]:
    one: dict[str, Any] = {}
    one["other"] = {"one": [one]}
    return one


class Endless(Sequence[Any]):
    """Has no item, it says, and then never an end."""

    def __init__(self, item: Any = None) -> None:
        self.item = item

    def __len__(self) -> int:
        return 0

    def __getitem__(self, index: Any) -> Any:
        return self.item


class EndlessMapping(Mapping[str, int]):
    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[str]:
        return map(str, itertools.count())

    def __getitem__(self, key: str) -> int:
        return 1


class HasNoneOfItsKeys(EndlessMapping):
    def __iter__(self) -> Iterator[str]:
        return iter(["a", "b"])

    def __getitem__(self, key: str) -> int:
        raise KeyError(SECRET)


class NoPairs(EndlessMapping):
    def items(self) -> Any:
        return [1, (2,), (3, 4, 5)]


class ChangesWhatIsAround(EndlessMapping):
    """When it is read, the container around it grows."""

    def __init__(self, change: Callable[[], object]) -> None:
        self.change = change

    def __iter__(self) -> Iterator[str]:
        self.change()
        return iter(["a"])


def changed_while_read(kind: type = dict) -> Any:
    value = kind()
    value["first"] = ChangesWhatIsAround(lambda: value.update(dict.fromkeys("abc")))
    value["second"] = 2
    return value


def changed_by_a_thread(container: Any, change: Callable[[Any, int], object]) -> Any:
    """The container, which a thread goes on changing for some milliseconds."""
    threading.Thread(target=lambda: [change(container, number) for number in range(20_000)], daemon=True).start()
    return container


def change_dict(container: Any, number: int) -> None:
    container[str(number)] = number
    container.pop(str(number - 50), None)


class Nameless(type):
    """Whatever its classes are asked raises, their name first of all."""

    __name__ = __doc__ = property(refuse)  # type: ignore[assignment]
    __instancecheck__ = __subclasscheck__ = __getattr__ = __eq__ = __repr__ = refuse
    __hash__ = type.__hash__


class HasEverything(type):
    """Whatever its classes are asked for, they have: model_dump, __fields__, __attrs_attrs__ ..."""

    def __getattr__(cls, name: str) -> Any:
        return lambda *_, **__: object.__new__(cls)


class Accepts:
    """Whatever it is asked, its answer is itself."""

    def __getattr__(self, name: str) -> Any:
        return self

    def __call__(self, *_: Any, **__: Any) -> Any:
        return self

    __iter__ = __next__ = __getitem__ = __call__


class Says(enum.Enum):
    ITSELF = 1

    @property
    def value(self) -> Any:
        return self


class Refuses(enum.Enum):
    VALUE = 1
    value = property(refuse)  # type: ignore[assignment]


class TextOnce(datetime):
    """Its text can be had once."""

    asked = False

    def isoformat(self, *_: Any, **__: Any) -> str:
        if self.asked:
            refuse()
        self.asked = True
        return "2026-01-02"


class ZoneOnce(tzinfo):
    asked = False

    def utcoffset(self, _: Any) -> timedelta:
        if self.asked:
            refuse()
        self.asked = True
        return timedelta(hours=1)


class NoZone(tzinfo):
    utcoffset = refuse


@dataclasses.dataclass
class Box:
    inside: Any = None


@dataclasses.dataclass
class Empty:
    pass


class Model(pydantic.BaseModel):
    inside: Any = None

    @pydantic.field_serializer("inside")
    def refuse(self, _: Any) -> Any:
        return refuse()


class DumpsItself:
    def model_dump(self) -> Any:
        return {"again": self}


class FieldsRefuse:
    __attrs_attrs__ = property(refuse)


def box_in_itself() -> Box:
    return in_itself(Box(), lambda box, inside: setattr(box, "inside", inside))  # type: ignore[no-any-return]


def released() -> memoryview:
    view = memoryview(b"abc")
    view.release()
    return view


def an_error_with_its_frames() -> Any:
    try:
        refuse()
    except RuntimeError as error:
        return error


async def numbers() -> Any:
    yield 1
