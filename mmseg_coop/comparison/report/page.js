'use strict';
// Sort a table by the heading that is clicked: largest first, then smallest first.
for (const heading of document.querySelectorAll('thead th')) {
  heading.addEventListener('click', () => {
    const table = heading.closest('table');
    const place = [...heading.parentNode.children].indexOf(heading);
    const descending = heading.getAttribute('aria-sort') !== 'descending';
    for (const other of heading.parentNode.children) other.setAttribute('aria-sort', 'none');
    heading.setAttribute('aria-sort', descending ? 'descending' : 'ascending');
    const body = table.tBodies[0];
    const key = (row) => {
      const cell = row.children[place];
      return place ? cell.dataset.value : cell.textContent;
    };
    const rows = [...body.rows].sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (!place) return descending ? y.localeCompare(x) : x.localeCompare(y);
      if (x === '' || y === '') return (x === '') - (y === '');
      return descending ? y - x : x - y;
    });
    body.append(...rows);
  });
}
// Show the classes that are asked for; the first columns always stay.
const filter = document.getElementById('filter');
filter.addEventListener('input', () => {
  const wanted = filter.value.toLowerCase().split(',').map((x) => x.trim()).filter(Boolean);
  const table = document.getElementById('main');
  [...table.tHead.rows[0].cells].forEach((heading, i) => {
    const name = heading.dataset.column.toLowerCase();
    const stays = i === 0 || name === 'miou' || name.startsWith('over ');
    const hide = !stays && wanted.length > 0 && !wanted.some((x) => name.includes(x));
    for (const row of table.rows) row.cells[i].hidden = hide;
  });
});
// Show gains, losses or both, in either order.
const gallery = document.getElementById('gallery');
if (gallery) {
  const articles = [...gallery.querySelectorAll('article')];
  const shows = [...gallery.querySelectorAll('[data-show]')];
  for (const button of shows) {
    button.addEventListener('click', () => {
      for (const other of shows) other.setAttribute('aria-pressed', other === button);
      for (const article of articles) {
        article.hidden = !['all', article.dataset.kind].includes(button.dataset.show);
      }
    });
  }
  const order = gallery.querySelector('[data-order]');
  order.addEventListener('click', () => {
    const reverse = order.getAttribute('aria-pressed') !== 'true';
    order.setAttribute('aria-pressed', reverse);
    articles.sort((a, b) => (b.dataset.gain - a.dataset.gain) * (reverse ? -1 : 1));
    document.getElementById('exhibits').append(...articles);
  });
}
