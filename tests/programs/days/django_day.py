"""Django: migrate from nothing, a second migration, the ORM's day, inspectdb, flush; as the owner of the schema."""

import io
import os
import pathlib
import sys

import step as steps
from step import DATABASE, HOST, PASSWORD, PORT, USER, step

# A migration is fifty statements.
steps.PATIENCE = 90

folder = pathlib.Path(os.environ["DAY_FOLDER"])
app = folder / "shelf"
(app / "migrations").mkdir(parents=True, exist_ok=True)
(app / "__init__.py").write_text("")
(app / "migrations" / "__init__.py").write_text("")
(app / "models.py").write_text('''
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower


class Author(models.Model):
    name = models.CharField(max_length=80, db_index=True)
    born = models.DateField(null=True)
    marks = ArrayField(models.IntegerField(), default=list)
    extra = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(Lower("name"), name="one_name")]


class Book(models.Model):
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="books")
    title = models.CharField(max_length=200, unique=True)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    tags = models.ManyToManyField("Tag")
    added = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["price", "title"], name="book_price")]
        constraints = [models.CheckConstraint(condition=models.Q(price__gte=0), name="price_positive")]


class Tag(models.Model):
    word = models.SlugField(unique=True)


class Old(models.Model):
    class Meta:
        managed = False
        db_table = "keyed"
    k = models.IntegerField(primary_key=True)
    v = models.TextField(null=True)
''')
sys.path.insert(0, str(folder))

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="day", USE_TZ=True, TIME_ZONE="UTC", DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions", "django.contrib.postgres", "shelf"],
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": DATABASE, "USER": USER, "PASSWORD": PASSWORD, "HOST": HOST, "PORT": PORT,
                           "OPTIONS": {"sslmode": "disable", "pool": False}, "CONN_HEALTH_CHECKS": True, "CONN_MAX_AGE": None}})
django.setup()

from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction


def command(*words, **options):
    out = io.StringIO()
    call_command(*words, stdout=out, stderr=out, no_color=True, **options)
    return out.getvalue()


step("makemigrations", command, "makemigrations", "shelf")
step("migrate", command, "migrate")
step("showmigrations", command, "showmigrations")
step("sqlmigrate", command, "sqlmigrate", "shelf", "0001")
(app / "migrations" / "0002_more.py").write_text('''
from django.db import migrations, models


def fill(apps, schema_editor):
    apps.get_model("shelf", "Tag").objects.bulk_create([apps.get_model("shelf", "Tag")(word=f"w{n}") for n in range(5)], ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [("shelf", "0001_initial")]
    operations = [
        migrations.AddField("book", "pages", models.IntegerField(default=1)),
        migrations.AlterField("book", "title", models.TextField(unique=True)),
        migrations.AddField("author", "nick", models.CharField(max_length=9, default="none")),
        migrations.RenameField("author", "nick", "alias"),
        migrations.AddIndex("tag", models.Index(fields=["word", "id"], name="tag_word")),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RunSQL("CREATE INDEX raw_index ON shelf_book (pages)", "DROP INDEX raw_index"),
        migrations.RemoveConstraint("book", "price_positive"),
    ]
''')
step("migrate again", command, "migrate")
step("migrate back", command, "migrate", "shelf", "0001")
step("migrate forth", command, "migrate", "shelf")
step("check", command, "check", databases=["default"])

from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from shelf.models import Author, Book, Old, Tag

# The model below is that of the first migration; the second one's columns have defaults in the database.
connection.cursor().execute("ALTER TABLE shelf_author ALTER alias SET DEFAULT 'none'; ALTER TABLE shelf_book ALTER pages SET DEFAULT 1")
step("create", lambda: Author.objects.create(name="Ada", marks=[1, 2], extra={"a": {"b": 1}}).pk)
step("bulk_create", lambda: len(Book.objects.bulk_create([Book(author_id=1, title=f"T{n}", price=n) for n in range(50)], batch_size=20)))
step("bulk upsert", lambda: len(Tag.objects.bulk_create([Tag(word="w1"), Tag(word="new")], ignore_conflicts=True)))
step("many to many", lambda: Book.objects.get(title="T1").tags.add(*Tag.objects.all()))
step("filter", lambda: list(Book.objects.filter(price__range=(3, 6), author__name__icontains="ad").order_by("-price").values_list("title", "price")))
step("annotate", lambda: list(Author.objects.annotate(n=models.Count("books"), avg=models.Avg("books__price")).values("name", "n", "avg")))
step("json", lambda: list(Author.objects.filter(extra__a__b=1, marks__contains=[1]).values_list("name", flat=True)))
step("exists, subquery", lambda: Book.objects.filter(models.Exists(Tag.objects.filter(book=models.OuterRef("pk")))).count())
step("window", lambda: list(Book.objects.annotate(r=models.Window(models.functions.RowNumber(), order_by="price")).values_list("title", "r")[:3]))
step("prefetch", lambda: [(b.title, sorted(t.word for t in b.tags.all())) for b in Book.objects.prefetch_related("tags").select_related("author").order_by("id")[:2]])
step("update F", lambda: Book.objects.filter(price__lt=5).update(price=models.F("price") + 1))
step("get_or_create", lambda: [Tag.objects.get_or_create(word="w2")[1], Tag.objects.get_or_create(word="fresh")[1]])
step("update_or_create", lambda: Book.objects.update_or_create(title="T3", defaults={"price": 99, "author_id": 1})[1])
step("select_for_update", lambda: transaction.atomic(lambda: [b.title for b in Book.objects.select_for_update(skip_locked=True).order_by("id")[:2]])())
step("iterator", lambda: sum(1 for _ in Book.objects.iterator(chunk_size=10)))
step("search", lambda: Book.objects.filter(title__search="T7").count())
step("explain", lambda: Book.objects.filter(pk=1).explain().split("(")[0])
step("dates", lambda: len(Book.objects.datetimes("added", "day")))
step("raw", lambda: [o.k for o in Old.objects.raw("SELECT * FROM keyed ORDER BY k")])
step("user", lambda: User.objects.create_user("eve", "eve@example.org", "pw").check_password("pw"))
step("permissions", lambda: (ContentType.objects.count(), len(User.objects.get(username="eve").get_all_permissions())))


def atomic():
    with transaction.atomic():
        Tag.objects.create(word="outer")
        try:
            with transaction.atomic():
                Tag.objects.create(word="outer")
        except IntegrityError as error:
            return error.__cause__.sqlstate, Tag.objects.filter(word="outer").count()


step("atomic", atomic)
step("delete cascade", lambda: Author.objects.all().delete())
step("introspection", lambda: (sorted(connection.introspection.table_names()), connection.introspection.get_sequences(connection.cursor(), "shelf_book")))
step("inspectdb", command, "inspectdb", include_views=True, include_partitions=True)
step("dumpdata", command, "dumpdata", "shelf.tag")
step("sqlflush", command, "sqlflush")
step("flush", command, "flush", interactive=False)
step("sqlsequencereset", command, "sqlsequencereset", "shelf")
step("health check", lambda: (connection.close_if_unusable_or_obsolete(), connection.is_usable())[1])
step("migrate zero", command, "migrate", "shelf", "zero")
