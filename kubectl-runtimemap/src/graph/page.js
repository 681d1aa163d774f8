'use strict';
(() => {
  const model = JSON.parse(document.getElementById('data').textContent);
  const byId = (id) => document.getElementById(id);
  const map = byId('map'), panel = byId('panel');
  const nodes = [...map.querySelectorAll('.node')], edges = [...map.querySelectorAll('.edge')];
  const whole = map.viewBox.baseVal, view = { x: whole.x, y: whole.y, w: whole.width, h: whole.height };
  const size = { w: whole.width, h: whole.height };
  const ports = (edge) => new Set(edge.evidence.map((line) => line.port));
  let chosen = null;

  const draw = () => map.setAttribute('viewBox', `${view.x} ${view.y} ${view.w} ${view.h}`);
  const zoom = (factor, fx = 0.5, fy = 0.5) => {
    const w = Math.min(Math.max(view.w * factor, 120), size.w * 3), scale = w / view.w;
    view.x += view.w * (1 - scale) * fx;
    view.y += view.h * (1 - scale) * fy;
    view.w = w;
    view.h *= scale;
    draw();
  };
  byId('in').onclick = () => zoom(0.7);
  byId('out').onclick = () => zoom(1.4);
  byId('all').onclick = () => {
    Object.assign(view, { x: 0, y: 0, w: size.w, h: size.h });
    draw();
  };
  map.addEventListener('wheel', (event) => {
    event.preventDefault();
    const box = map.getBoundingClientRect();
    zoom(event.deltaY > 0 ? 1.15 : 0.87, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  }, { passive: false });
  let drag = null;
  map.addEventListener('pointerdown', (event) => { drag = { x: event.clientX, y: event.clientY }; });
  addEventListener('pointermove', (event) => {
    if (!drag) return;
    const box = map.getBoundingClientRect(), scale = Math.max(view.w / box.width, view.h / box.height);
    view.x -= (event.clientX - drag.x) * scale;
    view.y -= (event.clientY - drag.y) * scale;
    drag = { x: event.clientX, y: event.clientY };
    draw();
  });
  addEventListener('pointerup', () => { drag = null; });

  // Text only ever goes in as text.
  const add = (parent, tag, text) => {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    return parent.appendChild(element);
  };
  const name = (index) => `${model.nodes[index].group} / ${model.nodes[index].label}`;
  const mark = (element) => {
    if (chosen) chosen.classList.remove('chosen');
    chosen = element;
    if (chosen) chosen.classList.add('chosen');
  };
  const showEdge = (index) => {
    const edge = model.edges[index];
    if (!edge) return;
    mark(edges[index]);
    panel.replaceChildren();
    panel.hidden = false;
    add(panel, 'h2', `${name(edge.from)} → ${name(edge.to)}`);
    add(panel, 'p', `Policies: ${edge.state}`);
    for (const line of edge.evidence) {
      const table = add(panel, 'table');
      for (const [label, text] of [['Port', line.port], ['Seen by', line.seenBy], ['First seen', line.firstSeen], ['Pod', line.pod], ['Policy', line.policy]]) {
        if (!text) continue;
        const row = add(table, 'tr');
        add(row, 'th', label);
        add(row, 'td', text);
      }
    }
    history.replaceState(null, '', `#edge=${index}`);
  };
  const showNode = (index) => {
    mark(nodes[index]);
    panel.replaceChildren();
    panel.hidden = false;
    add(panel, 'h2', name(index));
    for (const [title, own, other] of [['Talks to', 'from', 'to'], ['Is talked to by', 'to', 'from']]) {
      const found = model.edges.map((edge, place) => [edge, place]).filter(([edge]) => edge[own] === index);
      add(panel, 'h3', `${title} ${found.length}`);
      const list = add(panel, 'ul');
      for (const [edge, place] of found) {
        const item = add(list, 'li');
        const button = add(item, 'button', `${name(edge[other])}: ${[...ports(edge)].join(', ')} (${edge.state})`);
        button.onclick = () => showEdge(place);
      }
    }
  };
  edges.forEach((element, index) => element.addEventListener('click', () => showEdge(index)));
  nodes.forEach((element, index) => element.addEventListener('click', () => showNode(index)));
  addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    panel.hidden = true;
    mark(null);
  });

  const options = (id, values) => [...new Set(values)].sort().forEach((value) => {
    const option = add(byId(id), 'option', value);
    option.value = value;
  });
  options('namespace', model.nodes.map((node) => node.group));
  options('port', model.edges.flatMap((edge) => [...ports(edge)]));
  const filter = () => {
    const words = byId('search').value.toLowerCase(), group = byId('namespace').value, port = byId('port').value;
    const wanted = model.nodes.map((node) =>
      (!group || node.group === group) && (!words || `${node.group}/${node.label}`.toLowerCase().includes(words)));
    const lit = new Set();
    let shown = 0;
    model.edges.forEach((edge, index) => {
      const show = (!port || ports(edge).has(port)) && (wanted[edge.from] || wanted[edge.to]);
      edges[index].classList.toggle('dim', !show);
      if (show) { lit.add(edge.from).add(edge.to); shown += 1; }
    });
    nodes.forEach((element, index) => element.classList.toggle('dim', !(lit.has(index) || (!port && wanted[index]))));
    byId('summary').textContent = `${model.nodes.length} nodes, ${shown} of ${model.edges.length} edges`;
  };
  for (const id of ['search', 'namespace', 'port']) byId(id).addEventListener('input', filter);
  const linked = /^#edge=(\d+)$/.exec(location.hash);
  if (linked) showEdge(Number(linked[1]));
})();
