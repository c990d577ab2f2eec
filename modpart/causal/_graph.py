"""The causal graph: directed edges for causes, bidirected edges for hidden common causes."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from heapq import heapify, heappop, heappush
from html import escape
from typing import TYPE_CHECKING, Any

import networkx as nx

from modpart._utils.params import suggest
from modpart.causal._formats.convert import edges_of, to_dagitty, to_dot, to_gml, to_networkx, to_text
from modpart.causal._formats.projection import project
from modpart.exceptions import GraphError

if TYPE_CHECKING:
    from modpart.causal._counterfactual import CounterfactualIdentification
    from modpart.causal._identification import Identification
    from modpart.causal._identify.worlds import Event

__all__ = ["CausalGraph", "Names"]

Names = str | Iterable[str]


class CausalGraph:
    """A causal graph with hidden confounders: an acyclic directed mixed graph that never changes.

    ``X -> Y`` says that X is a direct cause of Y; ``X <-> Y`` says that something unobserved causes both. What a study
    can and cannot answer follows from this graph alone: see :meth:`identify`.

    Parameters
    ----------
    graph : str, iterable of edges, networkx graph, or CausalGraph
        Text such as ``"X -> Z; Z -> Y; X <-> Y"`` (statements end with ``;`` or a new line, chains are welcome, a lone
        name is a node), dagitty's ``dag { ... }``, DOT's ``digraph { ... }``, GML; pairs ``("X", "Y")`` or triples
        ``("X", "<->", "Y")``; a networkx ``DiGraph`` whose edges may carry ``bidirected=True`` and whose nodes may
        carry ``latent=True`` or ``observed=False``; or an object with such parts as y0 and pywhy-graphs make them.
    bidirected : iterable of pairs, default=()
        Further pairs of nodes that share a hidden cause.
    nodes : iterable of str, default=()
        Further nodes, for those without edges; given first, they set the order of the nodes.
    latents : str or iterable of str, default=()
        Nodes of `graph` that are not observed. They are projected out (Verma & Pearl 1990): what they cause in common
        becomes bidirected.

    Attributes
    ----------
    nodes : tuple of str
        In order of first appearance.
    directed, bidirected : tuple of (str, str)
        Edges, in the order of the nodes; the ends of a bidirected one also.

    Raises
    ------
    GraphError
        For a cycle, a self-loop, a name that is no text, bad syntax; the message names the edge, the node or the place.

    Notes
    -----
    Graphs are equal, and hash alike, when they have the same nodes and edges in any order.

    References
    ----------
    .. [1] Verma & Pearl, "Equivalence and synthesis of causal models", UAI (1990).
    .. [2] Richardson, "Markov properties for acyclic directed mixed graphs", Scandinavian Journal of Statistics 30
       (2003).

    Examples
    --------
    >>> from modpart.causal import CausalGraph
    >>> graph = CausalGraph("smoking -> tar -> cancer; smoking <-> cancer")
    >>> graph.identify("cancer", do="smoking").identifiable
    True
    >>> graph.m_separated("smoking", "cancer", given="tar")
    False
    """

    def __init__(
        self,
        graph: Any = (),
        *,
        bidirected: Iterable[tuple[str, str]] = (),
        nodes: Iterable[str] = (),
        latents: Names = (),
    ) -> None:
        edges = edges_of(graph, bidirected, nodes)
        latents = [latents] if isinstance(latents, str) else list(latents)
        unknown = [name for name in latents if name not in edges.nodes]
        if unknown:
            raise GraphError(
                f"latents names {unknown[0]!r}, which is no node. {suggest(unknown[0], list(edges.nodes))}"
            )
        _check_acyclic(edges.nodes, edges.directed)
        hidden = edges.latents | set(latents)
        if hidden:
            edges = project(edges, hidden)
        self.nodes = tuple(edges.nodes)
        place = {name: i for i, name in enumerate(self.nodes)}
        self._parents: dict[str, frozenset[str]] = _grouped(self.nodes, ((b, a) for a, b in edges.directed))
        self._children: dict[str, frozenset[str]] = _grouped(self.nodes, edges.directed)
        both_ways = [pair for a, b in edges.bidirected for pair in ((a, b), (b, a))]
        self._siblings: dict[str, frozenset[str]] = _grouped(self.nodes, both_ways)
        self.directed = tuple((a, b) for a in self.nodes for b in sorted(self._children[a], key=place.__getitem__))
        self.bidirected = tuple(
            (a, b) for a in self.nodes for b in sorted(self._siblings[a], key=place.__getitem__) if place[a] < place[b]
        )

    # ---- sets of nodes ----------------------------------------------------------------------------------------
    def names(self, nodes: Names) -> frozenset[str]:
        """The nodes as a set, from one name or several; an unknown name is answered with the closest known one.

        Parameters
        ----------
        nodes : str or iterable of str

        Returns
        -------
        names : frozenset of str
        """
        wanted = frozenset([nodes] if isinstance(nodes, str) else nodes)
        for name in wanted:
            if name not in self._parents:
                raise GraphError(f"{name!r} is no node of the graph. {suggest(str(name), list(self.nodes))}")
        return wanted

    def regimes(self, regimes: Iterable[Names]) -> tuple[frozenset[str], ...]:
        """What was set in each data set, every regime once.

        Parameters
        ----------
        regimes : str or iterable of str or of iterables of str
            A name, several names, or ``()`` for observational data, one for each data set.

        Returns
        -------
        regimes : tuple of frozenset of str
        """
        listed = [regimes] if isinstance(regimes, str) else list(regimes)
        if not listed:
            raise GraphError("regimes is empty; name at least one data set, () being the observational one.")
        return tuple(dict.fromkeys(self.names(regime) for regime in listed))

    def parents(self, nodes: Names) -> frozenset[str]:
        """Direct causes of the nodes, those among the nodes themselves included.

        Parameters
        ----------
        nodes : str or iterable of str

        Returns
        -------
        parents : frozenset of str
        """
        return frozenset().union(*(self._parents[v] for v in self.names(nodes)))

    def children(self, nodes: Names) -> frozenset[str]:
        """Direct effects of the nodes.

        Parameters
        ----------
        nodes : str or iterable of str

        Returns
        -------
        children : frozenset of str
        """
        return frozenset().union(*(self._children[v] for v in self.names(nodes)))

    def siblings(self, nodes: Names) -> frozenset[str]:
        """What shares a hidden cause with one of the nodes.

        Parameters
        ----------
        nodes : str or iterable of str

        Returns
        -------
        siblings : frozenset of str
        """
        return frozenset().union(*(self._siblings[v] for v in self.names(nodes)))

    def ancestors(self, nodes: Names, *, within: Iterable[str] | None = None) -> frozenset[str]:
        """The nodes and all their causes, reached through nodes of `within` alone when it is given.

        Parameters
        ----------
        nodes : str or iterable of str
        within : iterable of str or None, default=None

        Returns
        -------
        ancestors : frozenset of str
        """
        return self._reach(self.names(nodes), self._parents, within)

    def descendants(self, nodes: Names, *, within: Iterable[str] | None = None) -> frozenset[str]:
        """The nodes and all their effects, reached through nodes of `within` alone when it is given.

        Parameters
        ----------
        nodes : str or iterable of str
        within : iterable of str or None, default=None

        Returns
        -------
        descendants : frozenset of str
        """
        return self._reach(self.names(nodes), self._children, within)

    def district(self, node: str, *, within: Iterable[str] | None = None) -> frozenset[str]:
        """The c-component of a node: what bidirected paths (inside `within`) connect with it.

        Parameters
        ----------
        node : str
        within : iterable of str or None, default=None

        Returns
        -------
        district : frozenset of str
        """
        return self._reach(self.names(node), self._siblings, within)

    def c_components(self, *, within: Iterable[str] | None = None) -> tuple[frozenset[str], ...]:
        """The nodes (or those of `within`) grouped by bidirected paths, in topological order of their first node.

        Parameters
        ----------
        within : iterable of str or None, default=None

        Returns
        -------
        components : tuple of frozenset of str
        """
        allowed = frozenset(self.nodes) if within is None else self.names(within)
        components: list[frozenset[str]] = []
        seen: set[str] = set()
        for node in self.order:
            if node in allowed and node not in seen:
                components.append(self._reach(frozenset([node]), self._siblings, allowed))
                seen |= components[-1]
        return tuple(components)

    def _reach(
        self, start: frozenset[str], neighbours: dict[str, frozenset[str]], within: Iterable[str] | None
    ) -> frozenset[str]:
        allowed = None if within is None else within if isinstance(within, frozenset) else frozenset(within)
        found, stack = set(start), list(start)
        while stack:
            new = neighbours[stack.pop()] - found
            if allowed is not None:
                new &= allowed
            found |= new
            stack.extend(new)
        return frozenset(found)

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The nodes in topological order, alphabetical among those that the edges leave free."""
        waiting = {node: len(causes) for node, causes in self._parents.items()}
        ready = [node for node, count in waiting.items() if count == 0]
        heapify(ready)
        order = []
        while ready:
            order.append(node := heappop(ready))
            for child in self._children[node]:
                waiting[child] -= 1
                if waiting[child] == 0:
                    heappush(ready, child)
        return tuple(order)

    @cached_property
    def cliques(self) -> tuple[tuple[str, ...], ...]:
        """Largest sets of nodes of which every two share a hidden cause, in the order of the nodes."""
        graph = nx.Graph(self.bidirected)
        place = {name: i for i, name in enumerate(self.nodes)}
        sets = [tuple(sorted(clique, key=place.__getitem__)) for clique in nx.find_cliques(graph)]
        return tuple(sorted(sets, key=lambda clique: [place[v] for v in clique]))

    # ---- other graphs -----------------------------------------------------------------------------------------
    def subgraph(self, nodes: Names) -> "CausalGraph":
        """The nodes with the edges among them; nothing is projected.

        Parameters
        ----------
        nodes : str or iterable of str

        Returns
        -------
        graph : CausalGraph
        """
        kept = self.names(nodes)
        return self._with(kept, lambda a, b: a in kept and b in kept, lambda a, b: a in kept and b in kept)

    def do(self, nodes: Names) -> "CausalGraph":
        """The graph after an intervention on the nodes: no edge points into them any more.

        Parameters
        ----------
        nodes : str or iterable of str

        Returns
        -------
        graph : CausalGraph
        """
        cut = self.names(nodes)
        return self._with(self.nodes, lambda a, b: b not in cut, lambda a, b: not {a, b} & cut)

    def without_effects_of(self, nodes: Names) -> "CausalGraph":
        """The graph without the directed edges that leave the nodes.

        Parameters
        ----------
        nodes : str or iterable of str

        Returns
        -------
        graph : CausalGraph
        """
        cut = self.names(nodes)
        return self._with(self.nodes, lambda a, b: a not in cut, lambda a, b: True)

    def marginal(self, nodes: Names) -> "CausalGraph":
        """The graph of these nodes alone, the others taken as unobserved (latent projection).

        Parameters
        ----------
        nodes : str or iterable of str

        Returns
        -------
        graph : CausalGraph
        """
        kept = self.names(nodes)
        return CausalGraph(self, latents=[v for v in self.nodes if v not in kept])

    def _with(self, kept: Iterable[str], directed: Any, bidirected: Any) -> "CausalGraph":
        return CausalGraph(
            [pair for pair in self.directed if directed(*pair)],
            bidirected=[pair for pair in self.bidirected if bidirected(*pair)],
            nodes=[v for v in self.nodes if v in kept],
        )

    # ---- questions --------------------------------------------------------------------------------------------
    def m_separated(self, first: Names, second: Names, given: Names = ()) -> bool:
        """Whether every path between the two sets is blocked by `given` (m-separation, Richardson 2003).

        Parameters
        ----------
        first, second : str or iterable of str
        given : str or iterable of str, default=()
            The three sets must be disjoint.

        Returns
        -------
        separated : bool
            When true, the two are independent given `given` in every distribution of this graph.

        Notes
        -----
        Time O(edges).
        """
        first, second, given = self.names(first), self.names(second), self.names(given)
        shared = (first & second) | (first & given) | (second & given)
        if shared:
            raise GraphError(f"m_separated: {min(shared)!r} stands in two of the three sets; they must be disjoint.")
        open_colliders = self.ancestors(given)
        steps = [step for node in first for step in self._steps(node)]
        seen = set(steps)
        while steps:
            node, by_arrowhead = steps.pop()
            if node in second:
                return False
            for target, head_there, head_here in self._moves(node):
                blocked = node not in open_colliders if by_arrowhead and head_here else node in given
                if not blocked and (target, head_there) not in seen:
                    seen.add((target, head_there))
                    steps.append((target, head_there))
        return True

    def _moves(self, node: str) -> Iterator[tuple[str, bool, bool]]:
        """Neighbours of a node, with whether the edge has an arrowhead there, and here."""
        yield from ((v, True, False) for v in self._children[node])
        yield from ((v, False, True) for v in self._parents[node])
        yield from ((v, True, True) for v in self._siblings[node])

    def _steps(self, node: str) -> Iterator[tuple[str, bool]]:
        yield from ((target, head_there) for target, head_there, _ in self._moves(node))

    def identify(
        self, outcomes: Names, *, do: Names = (), given: Names = (), regimes: Iterable[Names] = ((),)
    ) -> "Identification":
        """Whether P(outcomes | do, given) follows from the data and this graph, and by which formula.

        Parameters
        ----------
        outcomes : str or iterable of str
            Variables whose distribution is asked for.
        do : str or iterable of str, default=()
            Variables that are set from outside.
        given : str or iterable of str, default=()
            Variables that are observed after that.
        regimes : iterable of str or of iterables of str, default=((),)
            What was set in each data set at hand: a name, several names, or ``()`` for observational data. Every data
            set holds all variables.

        Returns
        -------
        identification : Identification
            The formula, or the witness why there is none. A negative answer raises nothing here.

        Notes
        -----
        The answer is complete: "no" means that two models of this graph agree on the data and differ on the query. At
        most O(n) steps of O(edges) for each c-component.

        References
        ----------
        .. [1] Tian & Pearl, "A general identification condition for causal effects", AAAI (2002).
        .. [2] Shpitser & Pearl, "Identification of conditional interventional distributions", UAI (2006).
        .. [3] Lee, Correa & Bareinboim, "General identifiability with arbitrary surrogate experiments", UAI (2019).
        """
        from modpart.causal._identification import identify

        return identify(self, self.names(outcomes), self.names(do), self.names(given), regimes)

    def identify_counterfactual(
        self, events: "Iterable[Event]", *, given: "Iterable[Event]" = (), regimes: Iterable[Names] = ((),)
    ) -> "CounterfactualIdentification":
        """Whether the joint probability of events in different worlds follows from the data.

        Parameters
        ----------
        events : iterable of Event
            What would be, in the world where something had been set.
        given : iterable of Event, default=()
            What has been seen, with values.
        regimes : iterable of str or of iterables of str, default=((),)
            What was set in each data set at hand, as for :meth:`identify`.

        Returns
        -------
        identification : CounterfactualIdentification

        References
        ----------
        .. [1] Correa, Lee & Bareinboim, "Nested counterfactual identification from arbitrary surrogate experiments",
           NeurIPS (2021).
        """
        from modpart.causal._counterfactual import identify_counterfactual

        return identify_counterfactual(self, list(events), list(given), regimes)

    # ---- for other tools --------------------------------------------------------------------------------------
    def to_networkx(self) -> nx.MultiDiGraph:
        """The graph for networkx; bidirected edges carry ``bidirected=True``.

        Returns
        -------
        graph : networkx.MultiDiGraph
        """
        return to_networkx(self)

    def to_dagitty(self) -> str:
        """The graph for dagitty.net and the R package dagitty.

        Returns
        -------
        text : str
        """
        return to_dagitty(self)

    def to_dot(self) -> str:
        """The graph for Graphviz, bidirected edges dashed.

        Returns
        -------
        text : str
        """
        return to_dot(self)

    def to_gml(self) -> str:
        """The graph in GML; bidirected edges carry ``bidirected 1``.

        Returns
        -------
        text : str
        """
        return to_gml(self)

    # ---- manners ----------------------------------------------------------------------------------------------
    def __eq__(self, other: object) -> bool:
        return isinstance(other, CausalGraph) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @cached_property
    def _key(self) -> tuple[frozenset[Any], ...]:
        return frozenset(self.nodes), frozenset(self.directed), frozenset(map(frozenset, self.bidirected))

    def __getstate__(self) -> dict[str, list[Any]]:
        parts = {"nodes": self.nodes, "directed": self.directed, "bidirected": self.bidirected}
        return {name: list(part) for name, part in parts.items()}

    def __setstate__(self, state: dict[str, list[Any]]) -> None:
        CausalGraph.__init__(self, state["directed"], bidirected=state["bidirected"], nodes=state["nodes"])

    def __contains__(self, node: object) -> bool:
        return node in self._parents

    def __len__(self) -> int:
        return len(self.nodes)

    def __str__(self) -> str:
        return to_text(self)

    def __repr__(self) -> str:
        return f"CausalGraph({str(self)!r})"

    def _repr_html_(self) -> str:
        statements = "".join(f"<li><code>{escape(line)}</code></li>" for line in str(self).split("; "))
        return (
            f"<div><strong>CausalGraph</strong>: {len(self.nodes)} nodes, {len(self.directed)} directed and "
            f"{len(self.bidirected)} bidirected edges<ul>{statements}</ul></div>"
        )


def _grouped(nodes: Iterable[str], pairs: Iterable[tuple[str, str]]) -> dict[str, frozenset[str]]:
    """For every node the set of what it is paired with."""
    sets: dict[str, set[str]] = {node: set() for node in nodes}
    for first, second in pairs:
        sets[first].add(second)
    return {node: frozenset(others) for node, others in sets.items()}


def _check_acyclic(nodes: Iterable[str], directed: Iterable[tuple[str, str]]) -> None:
    graph = nx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from(directed)
    if not nx.is_directed_acyclic_graph(graph):
        cycle = [a for a, _ in nx.find_cycle(graph)]
        raise GraphError(
            f"The edges {' -> '.join([*cycle, cycle[0]])} form a cycle; a causal graph has none. Remove one of them, "
            "or use <-> where a hidden cause is meant."
        )
